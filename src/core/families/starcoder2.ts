import { flag, or, orNull, positions, reader } from "../config/schema.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** Starcoder2Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 49152,
    width: 3072,
    inner: 12288,
    layers: 30,
    heads: 24,
    kvHeads: 2,
    headDim: "width/heads",
    maxPositions: 4096,
    tied: true,
  }),
  use_bias: or(flag(), true),
  sliding_window: or(orNull(positions()), null),
}));

/** StarCoder 2: layer norms, a plain feed-forward, biases. Source: `models/starcoder2/modeling_starcoder2.py`. */
export const starcoder2 = llamaLike({
  name: "starcoder2",
  modelTypes: ["starcoder2"],
  architectures: ["Starcoder2ForCausalLM"],
  purpose: "code generation",
  read,
  habits: ({ use_bias: bias, sliding_window: window }, { sizes: { width, inner, layers } }) => ({
    classes: "Starcoder2",
    bias: { qkv: bias, o: bias },
    norm: layerNorm,
    feedForward: plainFeedForward("Starcoder2MLP", "mlp", width, inner, ["c_fc", "c_proj"], {
      bias,
    }),
    variants: slidingVariants(layers, window, () => true),
  }),
});
