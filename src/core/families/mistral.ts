import { or, orNull, positions, reader } from "../config/schema.ts";
import { causalLm } from "../towers/causal-lm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";

/** MistralConfig (transformers 5.18). `sliding_window: null` means none; absent means 4096. */
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
  sliding_window: or(orNull(positions()), 4096),
}));

/** Mistral 7B, Nemo, Small (text): every layer slides, or none. Source: `models/mistral/modeling_mistral.py`. */
export const mistral = decoderOnly({
  name: "mistral",
  modelTypes: ["mistral"],
  architectures: ["MistralForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const variants = slidingVariants(sizes.layers, config.sliding_window, () => true);
    return {
      ...causalLm(sizes, { classes: "Mistral", variants }, place),
      maxPositions: config.max_position_embeddings,
    };
  },
});
