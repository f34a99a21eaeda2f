import { within } from "../config/raw.ts";
import { count, dimension, flag, or, orNull, positions } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import type { Context } from "./family.ts";

/** What GPT-2's config class calls things, and those modelled on it. */
export const GPT_NAMES = {
  hidden_size: "n_embd",
  max_position_embeddings: "n_positions",
  num_attention_heads: "n_head",
  num_hidden_layers: "n_layer",
} as const;

interface Defaults {
  readonly vocab: number;
  readonly positions: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly tied: boolean;
}

export const gptFields = (defaults: Defaults) => ({
  vocab_size: or(dimension(), defaults.vocab),
  n_positions: or(positions(), defaults.positions),
  n_embd: or(dimension(), defaults.width),
  n_layer: or(count(), defaults.layers),
  n_head: or(dimension(), defaults.heads),
  n_inner: or(orNull(dimension()), null),
  tie_word_embeddings: or(flag(), defaults.tied),
});

/** @throws InputError where heads cannot share the width evenly; the reference refuses that too. */
export function headsOf(width: number, heads: number, field: string, context: Context): number {
  if (width % heads === 0) return width / heads;
  const path = within(context.path, field);
  throw new InputError(
    "inconsistent",
    `${path} is ${heads}, which does not divide the width ${width}: correct one of them in the config.`,
    path,
  );
}
