import { type AudioGeometry, audioLengths } from "../../audio/geometry.ts";
import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import type { Module } from "../../tree/module.ts";
import { walk } from "../../tree/walk.ts";
import type { Setup } from "../engine.ts";
import type { Tower } from "../transformers/tower.ts";

/** What an encoder takes in the profile run: while it runs, and what it hands on. */
export interface EncoderProfile {
  readonly peak: number;
  readonly output: number;
  /** Tokens of one item. */
  readonly perItem: number;
}

/** How much a batch and a prompt may hold. */
export interface BatchLimits {
  readonly maxNumBatchedTokens: number;
  readonly maxNumSeqs: number;
  readonly maxModelLen: number;
  /** Prompts are not cut into chunks (encoder-decoder). */
  readonly whole: boolean;
}

/** Items that a prompt may have where nothing limits them (`config/multimodal.py`). */
const UNLIMITED = 999;
/** Seconds of the dummy where neither the model nor its processor says how long an item may be. */
const DUMMY_SECONDS = 30;

/**
 * The encoder over as many of its longest items as one batch may hold (`multimodal/encoder_budget.py`): the budget is the
 * larger of a batch's tokens and one item's; items are bounded by budget, sequences and the limit of a prompt.
 */
export function audioProfile(
  model: Model,
  encoder: Tower,
  width: number,
  sizes: BatchLimits,
  setup: Setup,
): EncoderProfile {
  const { audio } = model;
  if (!audio) return { peak: 0, output: 0, perItem: 0 };
  const limit = setup.server.limitMmPerPrompt?.audio;
  const dummy = audioLengths(audio, dummySeconds(audio, sizes.maxModelLen, limit?.length));
  const perItem = Math.max(1, dummy.tokens || dummy.positions);
  const limits = [limit?.count, audio.profiled?.limit];
  const { budget, items } = itemsPerBatch(perItem, limits, sizes);
  const inner = Math.max(0, ...feedForwards(encoder.module));
  const size = bytesOf(setup.compute);
  return {
    peak: items * dummy.positions * (inner + 8 * encoder.op.width) * size,
    output: budget * width * size,
    perItem,
  };
}

/**
 * Items of `perItem` tokens that run together, and the tokens that they may have.
 * @param limits how many a prompt may have, by whoever says so.
 */
export function itemsPerBatch(
  perItem: number,
  limits: readonly (number | undefined)[],
  sizes: BatchLimits,
): { readonly budget: number; readonly items: number } {
  const budget = Math.max(sizes.maxNumBatchedTokens, perItem);
  const inPrompt = Math.min(
    ...limits.map((limit) => limit ?? UNLIMITED),
    Math.max(1, Math.floor(sizes.maxModelLen / perItem)),
  );
  const sequences = sizes.whole
    ? Math.min(sizes.maxNumSeqs, Math.floor(sizes.maxNumBatchedTokens / perItem))
    : sizes.maxNumSeqs;
  return {
    budget,
    items: Math.max(1, Math.min(Math.floor(budget / perItem), sequences * inPrompt)),
  };
}

function dummySeconds(audio: AudioGeometry, context: number, samples: number | undefined): number {
  const { sampleRate, window, maxSamples, profiled } = audio;
  const longest =
    profiled?.seconds === "context"
      ? context / (audioLengths(audio, DUMMY_SECONDS).tokens / DUMMY_SECONDS)
      : (profiled?.seconds ??
        (maxSamples ?? window?.samples ?? DUMMY_SECONDS * sampleRate) / sampleRate);
  return samples === undefined ? longest : Math.min(longest, samples / sampleRate);
}

export function feedForwards(tower: Module): number[] {
  const widths: number[] = [];
  walk(tower, ({ op }) => {
    if (op?.kind === "layer") {
      for (const { run } of op.blocks) if (typeof run !== "string") widths.push(run.inner);
    }
    if (op?.kind === "feed-forward") widths.push(op.inner);
  });
  return widths;
}
