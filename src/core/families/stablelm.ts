import { flag, or, reader } from "../config/schema.ts";
import { layerNorm } from "../layers/norm.ts";
import { PARALLEL_NORMS } from "../towers/causal-lm.ts";
import { upTo } from "../tree/indices.ts";
import { module, stack } from "../tree/module.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** StableLmConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 50304,
    width: 2560,
    inner: 6912,
    layers: 32,
    heads: 32,
    kvHeads: 32,
    headDim: "width/heads",
    maxPositions: 4096,
    tied: false,
  }),
  use_qkv_bias: or(flag(), false),
  qk_layernorm: or(flag(), false),
  use_parallel_residual: or(flag(), false),
}));

/** StableLM 3B, 2 1.6B and 2 12B. Source: `models/stablelm/modeling_stablelm.py`. */
export const stablelm = llamaLike({
  name: "stablelm",
  modelTypes: ["stablelm"],
  architectures: ["StableLmForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { heads, kvHeads, headDim }, raw, context }) => {
    const perHead = (name: string, count: number) =>
      module("StableLmLayerNormPerHead", name, [
        stack(upTo(count), layerNorm("norms", headDim, { bias: false })),
      ]);
    const rotated = rotatedValues(headDim, raw, context, 0.25);
    return {
      classes: "StableLm",
      attention: { habits: { sliced: rotated } },
      bias: { qkv: config.use_qkv_bias },
      norm: layerNorm,
      normedHeads: config.qk_layernorm && [
        perHead("q_layernorm", heads),
        perHead("k_layernorm", kvHeads),
      ],
      ...(config.use_parallel_residual && { norms: PARALLEL_NORMS }),
      ...(!config.use_parallel_residual && { keepsFirst: 2 }),
      rotated,
    };
  },
});
