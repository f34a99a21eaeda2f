import { or, orNull, positions, reader } from "../config/schema.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** Phi3Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 32064,
    width: 3072,
    inner: 8192,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 4096,
    tied: false,
  }),
  sliding_window: or(orNull(positions()), null),
}));

/**
 * Phi 3, 3.5 and 4: queries, keys and values are one matrix, gate and up another. Source: `models/phi3/modeling_phi3.py`.
 */
export const phi3 = llamaLike({
  name: "phi3",
  modelTypes: ["phi3"],
  architectures: ["Phi3ForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes, raw, context }) => ({
    classes: "Phi3",
    attention: {
      names: [
        ["o", "o_proj"],
        ["qkv", "qkv_proj"],
      ],
    },
    feedForward: gatedFeedForward("Phi3MLP", "mlp", sizes.width, sizes.inner, {
      names: ["gate_up_proj", "down_proj"],
    }),
    rotated: rotatedValues(sizes.headDim, raw, context, 1),
    variants: slidingVariants(sizes.layers, config.sliding_window, () => true),
  }),
});
