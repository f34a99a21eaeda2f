import { linear } from "../layers/linear.ts";
import type { Module } from "../tree/module.ts";

interface Head {
  readonly name?: string;
  readonly width: number;
  readonly vocab: number;
  readonly bias?: boolean;
  /** Full name of the token table where the head shares it. */
  readonly tiedTo?: string | false;
  /** See the head op: "last" where the forward takes `logits_to_keep`. */
  readonly positions: "all" | "last";
  /** Something scales or caps the logits, which makes a second tensor. */
  readonly copied?: true;
}

/** Output logits over a vocabulary, for models whose own config (not the text model's) says whether the head is tied. */
export function lmHead({
  name = "lm_head",
  width,
  vocab,
  bias = false,
  tiedTo,
  positions,
  copied,
}: Head): Module {
  const head = linear(name, width, vocab, {
    bias,
    component: tiedTo ? "embeddings" : "lm_head",
    divide: { by: "columns" },
    ...(tiedTo && { tiedTo }),
  });
  return { ...head, op: { kind: "head", vocab, positions, ...(copied && { copied }) } };
}
