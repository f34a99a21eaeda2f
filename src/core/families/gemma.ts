import { flag, or, reader } from "../config/schema.ts";
import { rmsNormFp32 } from "../layers/norm.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** GemmaConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 256000,
    width: 3072,
    inner: 24576,
    layers: 28,
    heads: 16,
    kvHeads: 16,
    headDim: 256,
    maxPositions: 8192,
    tied: true,
  }),
  attention_bias: or(flag(), false),
}));

/** Gemma 1: a scaled embedding, heads wider than their share. Source: `models/gemma/modeling_gemma.py`. */
export const gemma = llamaLike({
  name: "gemma",
  modelTypes: ["gemma"],
  architectures: ["GemmaForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ attention_bias: bias }) => ({
    classes: "Gemma",
    norm: (name, width) => rmsNormFp32(name, width, "GemmaRMSNorm"),
    bias: { qkv: bias, o: bias },
    scaledEmbedding: true,
  }),
});
