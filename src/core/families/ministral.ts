import { or, orNull, positions, reader } from "../config/schema.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** MinistralConfig and Ministral3Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 32000,
    width: 4096,
    inner: 14336,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 131072,
    tied: false,
  }),
  ...slidingFields(4096),
}));
const read3 = reader(() => ({
  ...decoderFields({
    vocab: 131072,
    width: 4096,
    inner: 14336,
    layers: 34,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    maxPositions: 262144,
    tied: false,
  }),
  sliding_window: or(orNull(positions()), null),
}));

/** Ministral 8B. Source: `models/ministral/modeling_ministral.py`. */
export const ministral = llamaLike({
  name: "ministral",
  modelTypes: ["ministral"],
  architectures: ["MinistralForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ layer_types: types, sliding_window: window }, { sizes }) => ({
    classes: "Ministral",
    variants: slidingVariants(
      sizes.layers,
      window,
      (index) => !types || types[index] === "sliding_attention",
    ),
  }),
});

/** Ministral 3 3B to 14B (text). Source: `models/ministral3/modeling_ministral3.py`. */
export const ministral3 = llamaLike({
  name: "ministral3",
  modelTypes: ["ministral3"],
  architectures: ["Ministral3ForCausalLM"],
  purpose: "text generation",
  read: read3,
  habits: ({ sliding_window: window }, { sizes }) => ({
    classes: "Ministral3",
    variants: slidingVariants(sizes.layers, window, () => true),
  }),
});
