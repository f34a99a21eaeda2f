import { count, decimal, dimension, flag, or, positions, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { gptModel } from "../towers/gpt.ts";
import { rotatedValues } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { headsOf } from "./gpt-config.ts";

/** GPTNeoXConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 50432),
  hidden_size: or(dimension(), 6144),
  num_hidden_layers: or(count(), 44),
  num_attention_heads: or(dimension(), 64),
  intermediate_size: or(dimension(), 24576),
  max_position_embeddings: or(positions(), 2048),
  tie_word_embeddings: or(flag(), false),
  attention_bias: or(flag(), true),
  rotary_pct: or(decimal(), 0.25),
}));

/** GPT-NeoX, Pythia, StableLM alpha. Source: `models/gpt_neox/modeling_gpt_neox.py`. */
export const gptNeoX = decoderOnly({
  name: "gpt_neox",
  modelTypes: ["gpt_neox"],
  architectures: ["GPTNeoXForCausalLM"],
  purpose: "text generation",
  place: { backbone: "gpt_neox", head: "lm_head" },
  build(raw, context, place) {
    const config = read(raw, context);
    const { hidden_size: width, num_attention_heads: heads } = config;
    const headDim = headsOf(width, heads, "num_attention_heads", context);
    const rotated = rotatedValues(headDim, raw, context, config.rotary_pct);
    const language = gptModel(
      {
        classes: ["GPTNeoXModel", "GPTNeoXLayer"],
        vocab: config.vocab_size,
        width,
        layers: config.num_hidden_layers,
        tokens: "embed_in",
        tied: config.tie_word_embeddings,
        stack: "layers",
        layer: [
          layerNorm("input_layernorm", width),
          layerNorm("post_attention_layernorm", width),
          attention("GPTNeoXAttention", "attention", {
            width,
            heads,
            headDim,
            names: [
              ["qkv", "query_key_value"],
              ["o", "dense"],
            ],
            bias: config.attention_bias,
            span: { kind: "causal" },
            scores: "fp32-softmax",
            cached: true,
          }),
          plainFeedForward("GPTNeoXMLP", "mlp", width, config.intermediate_size, [
            "dense_h_to_4h",
            "dense_4h_to_h",
          ]),
        ],
        blocks: ["attention", "mlp"],
        exit: [
          layerNorm("final_layer_norm", width),
          rotary("rotary_emb", "GPTNeoXRotaryEmbedding", rotated),
        ],
        rotary: rotated,
      },
      place,
    );
    return { ...language, maxPositions: config.max_position_embeddings };
  },
});
