import { flag, or, reader } from "../config/schema.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** LlamaConfig and GraniteConfig (transformers 5.18). Granite's four multipliers change values, not memory. */
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

/** The decoder that the others descend from: two norms, grouped-query attention, a gated feed-forward. */
const plain = (name: string, classes: string) =>
  llamaLike({
    name,
    modelTypes: [name],
    architectures: [`${classes}ForCausalLM`],
    purpose: "text generation",
    read,
    habits: ({ attention_bias: bias, mlp_bias: feedForward }) => ({
      classes,
      bias: { qkv: bias, o: bias, feedForward },
    }),
  });

/** Llama 1 to 3.3 and what is built like it (TinyLlama, SmolLM). Source: `models/llama/modeling_llama.py`. */
export const llama = plain("llama", "Llama");

/** IBM Granite 3, dense. Source: `models/granite/modeling_granite.py`. */
export const granite = plain("granite", "Granite");
