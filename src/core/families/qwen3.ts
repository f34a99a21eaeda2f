import { flag, or, reader } from "../config/schema.ts";
import { causalLm } from "../towers/causal-lm.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { qwenSlidingFields, qwenVariants } from "./qwen2.ts";

/** Qwen3Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 151936,
    width: 4096,
    inner: 22016,
    layers: 32,
    heads: 32,
    kvHeads: 32,
    headDim: 128,
    maxPositions: 32768,
    tied: false,
  }),
  ...qwenSlidingFields(),
  attention_bias: or(flag(), false),
}));

/** Qwen 3, dense: norms on each head's queries and keys. Source: `models/qwen3/modeling_qwen3.py`. */
export const qwen3 = decoderOnly({
  name: "qwen3",
  modelTypes: ["qwen3"],
  architectures: ["Qwen3ForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = read(raw, context);
    const bias = config.attention_bias;
    const habits = {
      classes: "Qwen3",
      bias: { qkv: bias, o: bias },
      normedHeads: true,
      variants: qwenVariants(config),
    };
    return {
      ...causalLm(decoderSizes(config, context), habits, place),
      maxPositions: config.max_position_embeddings,
    };
  },
});
