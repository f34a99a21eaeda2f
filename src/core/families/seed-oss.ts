import { flag, or, reader } from "../config/schema.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** SeedOssConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 155136,
    width: 4096,
    inner: 27648,
    layers: 64,
    heads: 80,
    kvHeads: 8,
    headDim: 128,
    maxPositions: 524288,
    tied: false,
  }),
  attention_bias: or(flag(), true),
  attention_out_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
}));

/** ByteDance Seed-OSS. Source: `models/seed_oss/modeling_seed_oss.py`. */
export const seedOss = llamaLike({
  name: "seed_oss",
  modelTypes: ["seed_oss"],
  architectures: ["SeedOssForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config) => ({
    classes: "SeedOss",
    bias: {
      qkv: config.attention_bias,
      o: config.attention_out_bias,
      feedForward: config.mlp_bias,
    },
  }),
});
