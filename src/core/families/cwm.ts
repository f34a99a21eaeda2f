import { flag, or, reader } from "../config/schema.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, slidingBy, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** CwmConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 128256,
    width: 6144,
    inner: 21504,
    layers: 64,
    heads: 48,
    kvHeads: 8,
    headDim: 128,
    maxPositions: 131072,
    tied: false,
  }),
  mlp_bias: or(flag(), false),
  ...slidingFields(8192),
}));

/** Meta's Code World Model: three sliding layers after each full one. Source: `models/cwm/modeling_cwm.py`. */
export const cwm = llamaLike({
  name: "cwm",
  modelTypes: ["cwm"],
  architectures: ["CwmForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ mlp_bias, layer_types: types, sliding_window: window }, { sizes }) => ({
    classes: "Cwm",
    bias: { feedForward: mlp_bias },
    variants: slidingVariants(
      sizes.layers,
      window,
      slidingBy(types, (index) => index % 4 !== 0),
    ),
  }),
});
