import { count, dimension, flag, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { gptModel } from "../towers/gpt.ts";
import { underOwnNames } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { headsOf } from "./gpt-config.ts";

/** BloomConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 250880),
  hidden_size: or(dimension(), 64),
  n_layer: or(count(), 2),
  n_head: or(dimension(), 8),
  tie_word_embeddings: or(flag(), true),
}));

/** BLOOM: no position table (ALiBi), so no limit to its context. Source: `models/bloom/modeling_bloom.py`. */
export const bloom = decoderOnly({
  name: "bloom",
  modelTypes: ["bloom"],
  architectures: ["BloomForCausalLM"],
  purpose: "text generation",
  place: { backbone: "transformer", head: "lm_head" },
  build(raw, context, place) {
    const names = {
      n_embed: "hidden_size",
      num_hidden_layers: "n_layer",
      num_attention_heads: "n_head",
    };
    const config = read(underOwnNames(raw, names), context);
    const { hidden_size: width, n_head: heads } = config;
    const language = gptModel(
      {
        classes: ["BloomModel", "BloomBlock"],
        vocab: config.vocab_size,
        width,
        layers: config.n_layer,
        tokens: "word_embeddings",
        tied: config.tie_word_embeddings,
        entry: [layerNorm("word_embeddings_layernorm", width)],
        stack: "h",
        layer: [
          layerNorm("input_layernorm", width),
          attention("BloomAttention", "self_attention", {
            width,
            heads,
            headDim: headsOf(width, heads, "n_head", context),
            names: [
              ["qkv", "query_key_value"],
              ["o", "dense"],
            ],
            span: { kind: "causal" },
            scores: "fp32-softmax",
            cached: true,
          }),
          layerNorm("post_attention_layernorm", width),
          plainFeedForward(
            "BloomMLP",
            "mlp",
            width,
            4 * width,
            ["dense_h_to_4h", "dense_4h_to_h"],
            { activation: "bloom_gelu" },
          ),
        ],
        blocks: ["self_attention", "mlp"],
        exit: [layerNorm("ln_f", width)],
      },
      place,
    );
    return { ...language, maxPositions: undefined };
  },
});
