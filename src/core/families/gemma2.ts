import {
  decimal,
  flag,
  list,
  maybe,
  or,
  orNull,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { rmsNormFp32 } from "../layers/norm.ts";
import { SANDWICH_NORMS } from "../towers/causal-lm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** Gemma2Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 256000,
    width: 2304,
    inner: 9216,
    layers: 26,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    maxPositions: 8192,
    tied: true,
  }),
  attention_bias: or(flag(), false),
  sliding_window: or(orNull(positions()), 4096),
  layer_types: maybe(list(text())),
  final_logit_softcapping: or(orNull(decimal()), 30),
}));

/** Gemma 2: every second layer slides, the first one included. Source: `models/gemma2/modeling_gemma2.py`. */
export const gemma2 = llamaLike({
  name: "gemma2",
  modelTypes: ["gemma2"],
  architectures: ["Gemma2ForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes }) => {
    const { attention_bias: bias, layer_types: types, sliding_window: window } = config;
    return {
      classes: "Gemma2",
      cappedLogits: config.final_logit_softcapping !== null,
      norm: (name, width) => rmsNormFp32(name, width, "Gemma2RMSNorm"),
      bias: { qkv: bias, o: bias },
      norms: SANDWICH_NORMS,
      scaledEmbedding: true,
      variants: slidingVariants(sizes.layers, window, (index) =>
        types ? types[index] === "sliding_attention" : index % 2 === 0,
      ),
    };
  },
});
