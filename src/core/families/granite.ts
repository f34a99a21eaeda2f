import { flag, or, reader } from "../config/schema.ts";
import { causalLm } from "../towers/causal-lm.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";

/** GraniteConfig (transformers 5.18). Its four multipliers change values, not memory. */
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

/** IBM Granite 3, dense. Source: `models/granite/modeling_granite.py`. */
export const granite = decoderOnly({
  name: "granite",
  modelTypes: ["granite"],
  architectures: ["GraniteForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = read(raw, context);
    const bias = config.attention_bias;
    const habits = {
      classes: "Granite",
      bias: { qkv: bias, o: bias, feedForward: config.mlp_bias },
    };
    return {
      ...causalLm(decoderSizes(config, context), habits, place),
      maxPositions: config.max_position_embeddings,
    };
  },
});
