import { count, flag, or, reader } from "../config/schema.ts";
import { layerNorm } from "../layers/norm.ts";
import { PARALLEL_NORMS } from "../towers/causal-lm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import type { Module } from "../tree/module.ts";
import { decoderFields, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

const fields = () => ({
  ...decoderFields({
    vocab: 256000,
    width: 8192,
    inner: 22528,
    layers: 40,
    heads: 64,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 8192,
    tied: true,
  }),
  attention_bias: or(flag(), false),
});

/** CohereConfig and Cohere2Config (transformers 5.18). */
const read = reader(() => ({ ...fields(), use_qk_norm: or(flag(), false) }));
const read2 = reader(() => ({
  ...fields(),
  ...slidingFields(4096),
  sliding_window_pattern: or(count(), 4),
}));

/** Attention and feed-forward side by side behind one norm, which only scales. */
const habits = (classes: string, bias: boolean) => ({
  classes,
  bias: { qkv: bias, o: bias },
  norm: (name: string, width: number) =>
    layerNorm(name, width, { bias: false, class: `${classes}LayerNorm` }),
  norms: PARALLEL_NORMS,
  attention: { habits: { turns: "fp32" as const } },
});

/** Command R and R+ (R+ norms each head on its own). Source: `models/cohere/modeling_cohere.py`. */
export const cohere = llamaLike({
  name: "cohere",
  modelTypes: ["cohere"],
  architectures: ["CohereForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { heads, kvHeads, headDim } }) => {
    const shared = habits("Cohere", config.attention_bias);
    const perHead = (name: string, count: number): Module => ({
      ...shared.norm(name, headDim),
      tensors: [{ name: "weight", shape: [count, headDim], cut: { dim: 0, units: count } }],
    });
    return {
      ...shared,
      normedHeads: config.use_qk_norm && [perHead("q_norm", heads), perHead("k_norm", kvHeads)],
    };
  },
});

/** Command R7B and A: three sliding layers to one full. Source: `models/cohere2/modeling_cohere2.py`. */
export const cohere2 = llamaLike({
  name: "cohere2",
  modelTypes: ["cohere2"],
  architectures: ["Cohere2ForCausalLM"],
  purpose: "text generation",
  read: read2,
  habits: (config, { sizes }) => ({
    ...habits("Cohere2", config.attention_bias),
    variants: slidingVariants(sizes.layers, config.sliding_window, (index) =>
      config.layer_types
        ? config.layer_types[index] === "sliding_attention"
        : (index + 1) % config.sliding_window_pattern !== 0,
    ),
  }),
});
