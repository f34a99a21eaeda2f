import { decimal, dimension, flag, maybe, or, orNull, reader } from "../config/schema.ts";
import { latentAttention } from "../layers/latent-attention.ts";
import { upTo } from "../tree/indices.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** MiniCPM3Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 73448,
    width: 2560,
    inner: 6400,
    layers: 62,
    heads: 40,
    kvHeads: 40,
    headDim: "width/heads",
    maxPositions: 32768,
    tied: true,
  }),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
  kv_lora_rank: or(dimension(), 256),
  q_lora_rank: or(orNull(dimension()), 768),
  qk_nope_head_dim: or(dimension(), 64),
  qk_rope_head_dim: or(dimension(), 32),
  v_head_dim: maybe(dimension()),
  scale_emb: or(decimal(), 12),
}));

/** MiniCPM 3: latent attention in a small dense model. Source: `models/minicpm3/modeling_minicpm3.py`. */
export const minicpm3 = llamaLike({
  name: "minicpm3",
  modelTypes: ["minicpm3"],
  architectures: ["MiniCPM3ForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { width, heads, layers } }) => ({
    classes: "MiniCPM3",
    bias: { feedForward: config.mlp_bias },
    // A whole number makes a buffer of whole numbers.
    scaledEmbedding: Number.isInteger(config.scale_emb) ? "int64" : "fp32",
    rotated: config.qk_rope_head_dim,
    variants: [
      {
        indices: upTo(layers),
        attention: latentAttention("MiniCPM3Attention", "self_attn", {
          width,
          heads,
          queryRank: config.q_lora_rank,
          rank: config.kv_lora_rank,
          rotated: config.qk_rope_head_dim,
          unrotated: config.qk_nope_head_dim,
          valueDim: config.v_head_dim ?? Math.floor(width / heads),
          bias: config.attention_bias,
          normClass: "MiniCPM3RMSNorm",
        }),
      },
    ],
  }),
});
