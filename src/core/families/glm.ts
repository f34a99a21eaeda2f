import { flag, or, reader } from "../config/schema.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import type { DecoderHabits } from "../towers/causal-lm.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { type About, llamaLike } from "./decoder-only.ts";

/** GlmConfig and Glm4Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 151552,
    width: 4096,
    inner: 13696,
    layers: 40,
    heads: 32,
    kvHeads: 2,
    headDim: 128,
    maxPositions: 131072,
    tied: false,
  }),
  attention_bias: or(flag(), true),
}));

/** Gate and up are one matrix; half of each head is rotated. */
const habits = (
  classes: string,
  bias: boolean,
  { sizes: { width, inner, headDim }, raw, context }: About,
): DecoderHabits => ({
  classes,
  bias: { qkv: bias },
  feedForward: gatedFeedForward(`${classes}MLP`, "mlp", width, inner, {
    names: ["gate_up_proj", "down_proj"],
  }),
  rotated: rotatedValues(headDim, raw, context, 0.5),
});

/** GLM-4 9B. Source: `models/glm/modeling_glm.py`. */
export const glm = llamaLike({
  name: "glm",
  modelTypes: ["glm"],
  architectures: ["GlmForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, about) => habits("Glm", config.attention_bias, about),
});

/** GLM-4-0414: norms after attention and feed-forward too. Source: `models/glm4/modeling_glm4.py`. */
export const glm4 = llamaLike({
  name: "glm4",
  modelTypes: ["glm4"],
  architectures: ["Glm4ForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, about) => ({
    ...habits("Glm4", config.attention_bias, about),
    norms: [
      "input_layernorm",
      "post_attention_layernorm",
      "post_self_attn_layernorm",
      "post_mlp_layernorm",
    ],
  }),
});
