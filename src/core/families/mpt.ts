import { count, dimension, flag, or, positions, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { gptModel } from "../towers/gpt.ts";
import { underOwnNames } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { headsOf } from "./gpt-config.ts";

/** MptConfig (transformers 5.18); its class computes four widths inside whatever `expansion_ratio` says. */
const read = reader(() => ({
  d_model: or(dimension(), 2048),
  n_heads: or(dimension(), 16),
  n_layers: or(count(), 24),
  max_seq_len: or(positions(), 2048),
  vocab_size: or(dimension(), 50368),
  tie_word_embeddings: or(flag(), true),
}));

/** MPT: no biases at all, norms included; ALiBi. Source: `models/mpt/modeling_mpt.py`. */
export const mpt = decoderOnly({
  name: "mpt",
  modelTypes: ["mpt"],
  architectures: ["MptForCausalLM", "MPTForCausalLM"],
  purpose: "text generation",
  place: { backbone: "transformer", head: "lm_head" },
  build(raw, context, place) {
    const names = {
      num_attention_heads: "n_heads",
      hidden_size: "d_model",
      num_hidden_layers: "n_layers",
    };
    const config = read(underOwnNames(raw, names), context);
    const { d_model: width, n_heads: heads } = config;
    const norm = (name: string) => layerNorm(name, width, { bias: false });
    const language = gptModel(
      {
        classes: ["MptModel", "MptBlock"],
        vocab: config.vocab_size,
        width,
        layers: config.n_layers,
        tokens: "wte",
        tied: config.tie_word_embeddings,
        stack: "blocks",
        layer: [
          norm("norm_1"),
          attention("MptAttention", "attn", {
            width,
            heads,
            headDim: headsOf(width, heads, "n_heads", context),
            names: [
              ["qkv", "Wqkv"],
              ["o", "out_proj"],
            ],
            bias: false,
            span: { kind: "causal" },
            scores: "fp32-softmax",
            cached: true,
          }),
          norm("norm_2"),
          plainFeedForward("MptMLP", "ffn", width, 4 * width, ["up_proj", "down_proj"], {
            bias: false,
          }),
        ],
        blocks: ["attn", "ffn"],
        exit: [norm("norm_f")],
      },
      place,
    );
    return { ...language, maxPositions: config.max_seq_len };
  },
});
