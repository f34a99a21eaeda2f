import type { Model } from "../../model.ts";
import { walk } from "../../tree/walk.ts";
import { findOp, type Tower, towersOf } from "../transformers/tower.ts";

/** The parts that Whisper's own runtimes are written for: a convolutional mel encoder and a decoder that attends to it. */
export interface SpeechToText {
  readonly encoder: Tower;
  readonly decoder: Tower;
  readonly bins: number;
  readonly heads: number;
  /** Inner width of the encoder's feed-forward. */
  readonly inner: number;
  readonly vocab: number;
}

export function speechToText(model: Model): SpeechToText | undefined {
  const towers = towersOf(model.root);
  const encoder = towers.find(({ op }) => op.side === "encoder" && op.entry !== undefined);
  const decoder = towers.find(({ op }) => op.side === "decoder");
  const head = findOp(model.root, "head");
  let crosses = false;
  walk(model.root, ({ state }) => {
    if (state?.kind === "kv" && state.over === "cross") crosses = true;
  });
  const bins = encoder?.op.entry?.bins ?? 0;
  if (
    !encoder ||
    !decoder ||
    !head ||
    !crosses ||
    bins < 2 ||
    model.audio?.window?.padded !== true
  ) {
    return undefined;
  }
  let heads = 0;
  let inner = 0;
  walk(encoder.module, ({ op }) => {
    if (op?.kind === "attention") heads = Math.max(heads, op.heads);
    if (op?.kind === "layer") {
      for (const { run } of op.blocks)
        if (typeof run !== "string") inner = Math.max(inner, run.inner);
    }
  });
  return { encoder, decoder, bins, heads, inner, vocab: head.vocab };
}

/** The parts of a model that `refuses` has let through. */
export function partsOf(model: Model): SpeechToText {
  const parts = speechToText(model);
  if (!parts) throw new Error("refuses() lets only models with these parts through");
  return parts;
}

export const refusesOthers = (model: Model): string | undefined =>
  speechToText(model) ? undefined : "it runs Whisper and what is built like it";
