import { flag, or, reader } from "../config/schema.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** HeliumConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 48000,
    width: 2560,
    inner: 7040,
    layers: 24,
    heads: 20,
    kvHeads: 20,
    headDim: 128,
    maxPositions: 4096,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
}));

/** Kyutai's Helium. Source: `models/helium/modeling_helium.py`. */
export const helium = llamaLike({
  name: "helium",
  modelTypes: ["helium"],
  architectures: ["HeliumForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config) => ({
    classes: "Helium",
    bias: { qkv: config.attention_bias, feedForward: config.mlp_bias },
  }),
});
