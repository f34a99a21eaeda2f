import { audioLengths } from "../audio/geometry.ts";
import { DEFAULT_AUDIO_SECONDS, imagesOf, MAX_IMAGES } from "../encoder-input.ts";
import { InputError } from "../errors.ts";
import { type EstimateOptions, prepare } from "../estimate.ts";
import type { Gpus } from "../hardware/index.ts";
import type { Model } from "../model.ts";
import type { Bytes } from "../units.ts";
import type { ImageLengths } from "../vision/geometry.ts";
import { MAX_TOKENS } from "../whole.ts";
import { openContext, settleWorkload, type WorkloadOptions } from "../workload.ts";
import { largest } from "./largest.ts";
import { type Margin, NO_MARGIN } from "./margin.ts";
import { NO_ROOM, unlessRefused } from "./refused.ts";
import { type Outcome, type Runner, runner } from "./runner.ts";

/** What ends a limit: memory, the model itself, the engine's own setting, the user's, or nothing that was looked at. */
export type Bound = "memory" | "model" | "engine" | "option" | "search";

export interface Limit {
  /** null: not even the smallest runs. */
  readonly value: number | null;
  readonly boundBy: Bound;
}

/** Memory for one length of the audio. */
export interface DurationPoint {
  readonly seconds: number;
  readonly needBytes: Bytes;
  readonly headroomBytes: number;
  readonly fits: boolean;
}

/** What one device (or several that share the model) holds under one engine. */
export interface Limits {
  readonly engine: string;
  readonly precision: string;
  readonly gpu: Gpus;
  readonly marginBytes: Bytes;
  /** Seconds of audio in each sequence; null for models that do not hear. */
  readonly seconds: number | null;
  /** What the images in each sequence become; null where there are none. */
  readonly images: ImageLengths | null;
  /** Tokens of context in each sequence; 0 where nothing is generated. */
  readonly contextTokens: number;
  /** Sequences of this length at once: the largest batch, or the requests that a server runs together. */
  readonly sequences: Limit;
  /** Where the server's own setting bounds them: as many as its memory holds when it is started for as many. */
  readonly sequencesIfAllowed: number | null;
  /** Tokens of context, for this batch; null where nothing is generated. */
  readonly context: Limit | null;
  /** Whole seconds of audio, for this batch, beside as much text as now; null for models that do not hear. */
  readonly audioSeconds: Limit | null;
  /** Images of that size in each sequence, for this batch; null where none were asked for. */
  readonly mostImages: Limit | null;
  readonly durations: readonly DurationPoint[];
}

const MAX_SEQUENCES = 2 ** 20;
const LONGEST_SECONDS = 366 * 24 * 3600;
const DURATIONS = [1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400];

export interface LimitsOptions extends EstimateOptions {
  readonly margin?: Margin;
}

/** @throws InputError as `estimate` does. */
export function limits(model: Model, options: LimitsOptions, gpus: Gpus): Limits {
  const { margin = NO_MARGIN, ...rest } = options;
  const run = runner(model, rest, gpus, margin);
  const prepared = prepare(model, rest);
  const workload = settleWorkload(model, rest);
  const sequences = largestBatch(run, rest);
  return {
    engine: prepared.engine.name,
    precision: prepared.setup.precision,
    gpu: gpus,
    marginBytes: run.marginBytes,
    seconds: workload.audio?.seconds ?? null,
    images: workload.images,
    contextTokens: workload.contextTokens,
    sequences,
    sequencesIfAllowed:
      sequences.boundBy === "engine" && sequences.value !== null
        ? (largest(sequences.value, MAX_SEQUENCES, (batchSize) => {
            const allowed = { ...rest, batchSize, maxNumSeqs: batchSize };
            return runner(model, allowed, gpus, margin).outcome(allowed).fits;
          }) ?? null)
        : null,
    context: model.context.preset > 0 ? longestContext(model, run, rest) : null,
    audioSeconds: model.audio ? longestAudio(model, run, rest, prepared.engine.oneWindow) : null,
    mostImages: workload.images ? mostImages(model, run, rest) : null,
    durations: model.audio ? durations(model, run, rest) : [],
  };
}

/** Sequences of the workload's length that run at once. */
export function largestBatch(run: Runner, options: WorkloadOptions): Limit {
  const at = (batchSize: number) => run.outcome({ ...options, batchSize });
  return limitOf(1, MAX_SEQUENCES, at);
}

/** The longest context for the workload's batch and audio. */
export function longestContext(model: Model, run: Runner, options: WorkloadOptions): Limit {
  const { audio, imageTokens } = settleWorkload(model, {
    ...options,
    maxModelLen: furthest(model),
  });
  const text = (options.promptTokens ?? model.context.prompt ?? 0) + (options.maxNewTokens ?? 0);
  const least = Math.max(1, (audio?.tokens ?? 0) + imageTokens + text);
  return limitOf(least, furthest(model), (maxModelLen) => run.outcome({ ...options, maxModelLen }));
}

const furthest = (model: Model): number => model.context.max ?? MAX_TOKENS;

/**
 * The workload with this much audio. Where the context was left open it grows with the audio, so that as much room for
 * text remains as now.
 */
export function withSeconds(
  model: Model,
  options: WorkloadOptions,
  seconds: number,
): WorkloadOptions {
  const { encoderSeqLength: _, ...rest } = options;
  const asked = { ...rest, audioSeconds: seconds };
  const { audio } = model;
  const open =
    options.maxModelLen === undefined &&
    options.promptTokens === undefined &&
    options.maxNewTokens === undefined;
  if (!audio?.pooling || !open) return asked;
  const usual = options.audioSeconds ?? DEFAULT_AUDIO_SECONDS;
  const images = imagesOf(model, options, [])?.tokens ?? 0;
  const text = Math.max(1, openContext(model, images) - audioLengths(audio, usual).tokens);
  return { ...asked, maxModelLen: audioLengths(audio, seconds).tokens + text };
}

const hears = ({ audio }: Model, seconds: number): boolean =>
  audio === undefined || audioLengths(audio, seconds).cutSeconds === 0;

/** Whether windows of it run one after the other. */
function takesTurns({ audio }: Model, seconds: number): boolean {
  if (!audio) return false;
  const { windows, concurrentWindows } = audioLengths(audio, seconds);
  return windows > concurrentWindows;
}

/** The longest audio in whole seconds for the workload's batch. */
export function longestAudio(
  model: Model,
  run: Runner,
  options: WorkloadOptions,
  oneWindow = false,
): Limit {
  return limitOf(1, LONGEST_SECONDS, (seconds) => {
    if (!hears(model, seconds)) return "model";
    if (oneWindow && takesTurns(model, seconds)) return "model";
    const workload = withSeconds(model, options, seconds);
    if ((workload.maxModelLen ?? 0) > furthest(model)) return "model";
    return run.outcome(workload);
  });
}

/** The most images of one size, beside as much text as now where the context was left open. */
function mostImages(model: Model, run: Runner, options: WorkloadOptions): Limit {
  return limitOf(1, MAX_IMAGES, (images) => {
    const { tokens = 0 } = imagesOf(model, { ...options, images }, []) ?? {};
    if (tokens > furthest(model)) return "model";
    return run.outcome({ ...options, images });
  });
}

function durations(model: Model, run: Runner, options: WorkloadOptions): DurationPoint[] {
  const points: DurationPoint[] = [];
  for (const seconds of DURATIONS) {
    const workload = withSeconds(model, options, seconds);
    if (!hears(model, seconds) || (workload.maxModelLen ?? 0) > furthest(model)) break;
    const outcome = outcomeOrBound(() => run.outcome(workload));
    if (typeof outcome === "string") break;
    const { needBytes, headroomBytes, fits } = outcome;
    points.push({ seconds, needBytes, headroomBytes, fits });
    if (!fits) break;
  }
  return points;
}

/** The largest number that runs, and what the next one fails on. */
function limitOf(low: number, high: number, at: (n: number) => Outcome | Bound): Limit {
  const said = (n: number) => outcomeOrBound(() => at(n));
  const value = largest(low, high, (n) => {
    const outcome = said(n);
    return typeof outcome !== "string" && outcome.fits;
  });
  if (value === high) return { value, boundBy: high >= MAX_SEQUENCES ? "search" : "model" };
  const beyond = said(value === undefined ? low : value + 1);
  const boundBy =
    typeof beyond === "string" ? beyond : beyond.refusal === "max-num-seqs" ? "engine" : "memory";
  return { value: value ?? null, boundBy };
}

/** A workload that the model or the user's own length of context does not allow is a bound like memory. */
function outcomeOrBound(ask: () => Outcome | Bound): Outcome | Bound {
  const outcome = unlessRefused(NO_ROOM, ask);
  return outcome instanceof InputError ? "option" : outcome;
}
