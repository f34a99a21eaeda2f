import { flag, or, reader } from "../config/schema.ts";
import { causalLm } from "../towers/causal-lm.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";

/** LlamaConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 32000,
    width: 4096,
    inner: 11008,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
}));

/** Llama 1 to 3.3 and what is built like it (TinyLlama, SmolLM). Source: `models/llama/modeling_llama.py`. */
export const llama = decoderOnly({
  name: "llama",
  modelTypes: ["llama"],
  architectures: ["LlamaForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = read(raw, context);
    const bias = config.attention_bias;
    const habits = { classes: "Llama", bias: { qkv: bias, o: bias, feedForward: config.mlp_bias } };
    return {
      ...causalLm(decoderSizes(config, context), habits, place),
      maxPositions: config.max_position_embeddings,
    };
  },
});
