import {
  count,
  dimension,
  flag,
  integer,
  or,
  orNull,
  positions,
  reader,
} from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { gptModel } from "../towers/gpt.ts";
import { underOwnNames } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { headsOf } from "./gpt-config.ts";

/** FalconConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 65024),
  hidden_size: or(dimension(), 4544),
  num_hidden_layers: or(count(), 32),
  num_attention_heads: or(dimension(), 71),
  num_kv_heads: or(orNull(dimension()), null),
  num_ln_in_parallel_attn: or(orNull(integer(1, 2)), null),
  new_decoder_architecture: or(flag(), false),
  multi_query: or(flag(), true),
  parallel_attn: or(flag(), true),
  bias: or(flag(), false),
  ffn_hidden_size: or(orNull(dimension()), null),
  max_position_embeddings: or(positions(), 2048),
  tie_word_embeddings: or(flag(), true),
}));

/**
 * Falcon 7B (one key/value head, one norm for both blocks), 40B, 180B and 11B (groups of heads, a norm each) and RW.
 * Source: `models/falcon/modeling_falcon.py`.
 */
export const falcon = decoderOnly({
  name: "falcon",
  modelTypes: ["falcon"],
  architectures: ["FalconForCausalLM"],
  purpose: "text generation",
  place: { backbone: "transformer", head: "lm_head" },
  build(raw, context, place) {
    const config = read(underOwnNames(raw, { n_embed: "hidden_size" }), context);
    const { hidden_size: width, num_attention_heads: heads, bias } = config;
    const headDim = headsOf(width, heads, "num_attention_heads", context);
    const grouped = config.new_decoder_architecture;
    const ungrouped = config.multi_query ? 1 : heads;
    const norms = config.num_ln_in_parallel_attn ?? (grouped ? 2 : 1);
    const language = gptModel(
      {
        classes: ["FalconModel", "FalconDecoderLayer"],
        vocab: config.vocab_size,
        width,
        layers: config.num_hidden_layers,
        tokens: "word_embeddings",
        tied: config.tie_word_embeddings,
        stack: "h",
        layer: [
          attention("FalconAttention", "self_attention", {
            width,
            heads,
            kvHeads: grouped ? (config.num_kv_heads ?? heads) : ungrouped,
            headDim,
            names: [
              ["qkv", "query_key_value"],
              ["o", "dense"],
            ],
            bias,
            span: { kind: "causal" },
            scores: "plain-softmax",
            habits: {
              returns: "to the stack",
              ...(ungrouped < heads && !grouped && { ungrouped: true as const }),
            },
            cached: true,
          }),
          plainFeedForward(
            "FalconMLP",
            "mlp",
            width,
            config.ffn_hidden_size ?? 4 * width,
            ["dense_h_to_4h", "dense_4h_to_h"],
            { bias },
          ),
          ...normsOf(config.parallel_attn, norms).map((name) => layerNorm(name, width)),
        ],
        blocks: ["self_attention", "mlp"],
        exit: [layerNorm("ln_f", width), rotary("rotary_emb", "FalconRotaryEmbedding", headDim)],
        rotary: headDim,
      },
      place,
    );
    return { ...language, maxPositions: config.max_position_embeddings };
  },
});

function normsOf(parallel: boolean, norms: number): readonly string[] {
  if (!parallel) return ["post_attention_layernorm", "input_layernorm"];
  return norms === 2 ? ["ln_attn", "ln_mlp"] : ["input_layernorm"];
}
