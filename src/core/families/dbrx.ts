import { count, dimension, flag, or, positions, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { gptModel } from "../towers/gpt.ts";
import { module } from "../tree/module.ts";
import { underOwnNames } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { sectionOf } from "./family.ts";
import { headsOf } from "./gpt-config.ts";

/** DbrxConfig, with its two sections (transformers 5.18). */
const read = reader(() => ({
  d_model: or(dimension(), 2048),
  n_heads: or(dimension(), 16),
  n_layers: or(count(), 24),
  max_seq_len: or(positions(), 2048),
  vocab_size: or(dimension(), 32000),
  tie_word_embeddings: or(flag(), false),
}));
const readAttention = reader(() => ({ kv_n_heads: or(dimension(), 1) }));
const readExperts = reader(() => ({
  ffn_hidden_size: or(dimension(), 3584),
  moe_num_experts: or(count(), 4),
  moe_top_k: or(count(), 1),
}));

/** Databricks DBRX. Source: `models/dbrx/modeling_dbrx.py`. */
export const dbrx = decoderOnly({
  name: "dbrx",
  modelTypes: ["dbrx"],
  architectures: ["DbrxForCausalLM"],
  purpose: "text generation",
  place: { backbone: "transformer", head: "lm_head" },
  build(raw, context, place) {
    const names = {
      num_attention_heads: "n_heads",
      hidden_size: "d_model",
      num_hidden_layers: "n_layers",
      max_position_embeddings: "max_seq_len",
    };
    const config = read(underOwnNames(raw, names), context);
    const { kv_n_heads: kvHeads } = readAttention(...sectionOf(raw, "attn_config", context));
    const ffn = readExperts(...sectionOf(raw, "ffn_config", context));
    const { d_model: width, n_heads: heads } = config;
    const { moe_num_experts: experts, ffn_hidden_size: inner } = ffn;
    const headDim = headsOf(width, heads, "n_heads", context);
    const norm = (name: string) => layerNorm(name, width, { bias: false });
    const language = gptModel(
      {
        classes: ["DbrxModel", "DbrxBlock"],
        vocab: config.vocab_size,
        width,
        layers: config.n_layers,
        tokens: "wte",
        tied: config.tie_word_embeddings,
        stack: "blocks",
        layer: [
          norm("norm_attn_norm.norm_1"),
          attention("DbrxAttention", "norm_attn_norm.attn", {
            width,
            heads,
            kvHeads,
            headDim,
            names: [
              ["qkv", "Wqkv"],
              ["o", "out_proj"],
            ],
            bias: false,
            span: { kind: "causal" },
            scores: "fp32-softmax",
            cached: true,
          }),
          norm("norm_attn_norm.norm_2"),
          module(
            "DbrxFFN",
            "ffn",
            [
              module("DbrxRouter", "router", [linear("layer", width, experts, { bias: false })]),
              module("DbrxExpertGLU", "experts.mlp", [], {
                tensors: ["w1", "v1", "w2"].map((name) => ({
                  name,
                  shape: [experts * inner, width],
                  cut: { dim: 0, units: inner },
                  routed: { of: experts, picked: ffn.moe_top_k },
                })),
              }),
            ],
            { op: { kind: "experts", width, inner, experts, perToken: ffn.moe_top_k } },
          ),
        ],
        blocks: ["norm_attn_norm.attn", "ffn"],
        exit: [norm("norm_f"), rotary("rotary_emb", "DbrxRotaryEmbedding", headDim)],
        rotary: headDim,
      },
      place,
    );
    return { ...language, maxPositions: config.max_seq_len };
  },
});
