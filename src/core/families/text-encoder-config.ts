import { count, dimension, flag, or } from "../config/schema.ts";

interface Defaults {
  readonly vocab: number;
  readonly width: number;
  readonly heads: number;
  readonly inner: number;
  readonly positions: number;
}

/** Fields that BERT and its kin have under the same names. */
export const encoderFields = ({ vocab, width, heads, inner, positions }: Defaults) => ({
  vocab_size: or(dimension(), vocab),
  hidden_size: or(dimension(), width),
  num_hidden_layers: or(count(), 12),
  num_attention_heads: or(dimension(), heads),
  intermediate_size: or(dimension(), inner),
  max_position_embeddings: or(dimension(), positions),
  tie_word_embeddings: or(flag(), true),
});

export const BASE = { width: 768, heads: 12, inner: 3072, positions: 512 } as const;
