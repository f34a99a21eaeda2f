import { flag, integer, or, reader } from "../config/schema.ts";
import { rmsNormFp32 } from "../layers/norm.ts";
import { causalLm, SANDWICH_NORMS } from "../towers/causal-lm.ts";
import { rotaryKinds, slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, decoderSizes, slidingFields } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";

/** Gemma3TextConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 262208,
    width: 2304,
    inner: 9216,
    layers: 26,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    maxPositions: 131072,
    tied: true,
  }),
  attention_bias: or(flag(), false),
  ...slidingFields(4096),
  sliding_window_pattern: or(integer(1, 1000), 6),
}));

/** Gemma 3's language model: five sliding layers to one full. Source: `models/gemma3/modeling_gemma3.py`. */
export const gemma3Text = decoderOnly({
  name: "gemma3_text",
  modelTypes: ["gemma3_text"],
  architectures: ["Gemma3ForCausalLM"],
  purpose: "text generation",
  stretched: true,
  build(raw, context, place) {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const bias = config.attention_bias;
    const slides = (index: number) =>
      config.layer_types
        ? config.layer_types[index] === "sliding_attention"
        : (index + 1) % config.sliding_window_pattern !== 0;
    return {
      ...causalLm(
        sizes,
        {
          classes: "Gemma3",
          norm: (name, width) => rmsNormFp32(name, width, "Gemma3RMSNorm"),
          bias: { qkv: bias, o: bias },
          normedHeads: true,
          norms: SANDWICH_NORMS,
          scaledEmbedding: true,
          rotaryKinds: rotaryKinds(sizes.layers, slides),
          variants: slidingVariants(sizes.layers, config.sliding_window, slides),
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});
