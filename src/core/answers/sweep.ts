import type { Phase } from "../engines/engine.ts";
import { InputError } from "../errors.ts";
import { type EstimateOptions, type Prepared, prepare, type QuickTotal } from "../estimate.ts";
import { type Gpus, gpuName } from "../hardware/index.ts";
import type { Model } from "../model.ts";
import type { Axis, AxisValues } from "../quantity/axis.ts";
import type { ImageSize } from "../vision/cut.ts";
import { whole } from "../whole.ts";
import { MAX_BATCH } from "../workload.ts";
import { type Margin, NO_MARGIN } from "./margin.ts";
import { NO_ROOM, NOT_RUN, unlessRefused } from "./refused.ts";
import { type Outcome, onDevices, type Runner, runner } from "./runner.ts";

/** What is varied. Every combination is a point; an axis that is left out keeps what the options say. */
export interface Axes {
  readonly engine?: readonly string[];
  readonly gpu?: readonly Gpus[];
  readonly tensorParallelSize?: readonly number[];
  readonly precision?: readonly string[];
  readonly kvCacheDtype?: readonly string[];
  readonly maxModelLen?: readonly number[];
  readonly audioSeconds?: readonly number[];
  readonly images?: readonly number[];
  readonly imageSize?: readonly ImageSize[];
  readonly batchSize?: readonly number[];
}

/** One workload and what it comes to. null where an axis was left to the model, or the workload does not fit it. */
export interface Point {
  readonly model: string;
  readonly engine: string;
  readonly gpu: string | null;
  readonly tensorParallelSize: number;
  readonly precision: string | null;
  readonly kvCacheDtype: string | null;
  readonly contextTokens: number | null;
  readonly audioSeconds: number | null;
  readonly images: number | null;
  /** "1024x768" */
  readonly imageSize: string | null;
  readonly batchSize: number;
  readonly totalMemoryBytes: number | null;
  readonly peakPhase: Phase | null;
  /** Whether it runs on the device; null without one. */
  readonly fits: boolean | null;
  readonly headroomBytes: number | null;
  /** Why there is no total: the sentence that `estimate` would refuse with. */
  readonly refusal: string | null;
}

export interface Subject {
  readonly id: string;
  readonly model: Model;
}

const ONE = [undefined] as const;

/** How many points a sweep has. */
export const pointCount = (subjects: number, axes: Axes): number =>
  Object.values(axes).reduce((product, values) => product * (values?.length ?? 1), subjects);

/**
 * Every combination, the batch fastest. The formulas are worked out once for what does not depend on lengths, so that a
 * million points take about a second; each has the numbers that `estimate` gives.
 * @throws InputError as `estimate` does, but for engines that do not run a model and workloads that do not fit it: those are points with a
 * refusal.
 */
export function* sweep(
  subjects: readonly Subject[],
  axes: Axes,
  options: EstimateOptions & { readonly margin?: Margin } = {},
): Generator<Point> {
  const { margin = NO_MARGIN, ...rest } = options;
  for (const { id, model } of subjects)
    for (const engine of axes.engine ?? ONE)
      for (const gpu of axes.gpu ?? ONE)
        for (const tensorParallelSize of axes.tensorParallelSize ?? ONE)
          for (const precision of axes.precision ?? ONE)
            for (const kvCacheDtype of axes.kvCacheDtype ?? ONE)
              for (const maxModelLen of axes.maxModelLen ?? ONE)
                yield* inner(id, model, axes, margin, gpu, {
                  ...rest,
                  ...defined({ engine, tensorParallelSize, precision, kvCacheDtype, maxModelLen }),
                });
}

function defined(values: Record<string, unknown>): EstimateOptions {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** All lengths and batches under one setup. */
function* inner(
  id: string,
  model: Model,
  axes: Axes,
  margin: Margin,
  gpu: Gpus | undefined,
  options: EstimateOptions,
): Generator<Point> {
  const settled = gpu ? onDevices(options, gpu) : options;
  const prepared = unlessRefused(NOT_RUN, () => prepare(model, settled));
  const refused = prepared instanceof InputError;
  const run = gpu && !refused ? runner(model, options, gpu, margin) : undefined;
  const fixed = {
    model: id,
    engine: refused ? (options.engine ?? "") : prepared.engine.name,
    gpu: gpu ? gpuName(gpu) : null,
    tensorParallelSize: settled.tensorParallelSize ?? 1,
    precision: refused ? (options.precision ?? null) : prepared.setup.precision,
    kvCacheDtype: refused ? (options.kvCacheDtype ?? null) : prepared.setup.kvCache,
  };
  // One object for all points: a spread for each of a million costs more than the sums.
  const workload: { -readonly [K in keyof EstimateOptions]: EstimateOptions[K] } = { ...options };
  for (const media of mediaOf(axes, options)) {
    Object.assign(workload, media);
    const lengths = refused ? { refusal: prepared.message } : lengthsOf(prepared, workload);
    for (const batch of axes.batchSize ?? [options.batchSize]) {
      if (batch !== undefined) workload.batchSize = batch;
      yield pointAt(fixed, refused ? undefined : prepared, run, workload, lengths);
    }
  }
}

/** Every combination of what is heard and seen. */
function* mediaOf(axes: Axes, options: EstimateOptions): Generator<EstimateOptions> {
  for (const images of axes.images ?? [options.images])
    for (const imageSize of axes.imageSize ?? [options.imageSize])
      for (const audioSeconds of axes.audioSeconds ?? [options.audioSeconds])
        yield defined({ images, imageSize, audioSeconds });
}

/** The lengths of one sequence, or why there are none; every batch of them is this many times as large. */
type Lengths =
  | { readonly one: AxisValues; readonly values: Record<Axis, number> }
  | { readonly refusal: string };

function lengthsOf(prepared: Prepared, workload: EstimateOptions): Lengths {
  const one = unlessRefused(NO_ROOM, () => prepared.settle({ ...workload, batchSize: 1 }));
  return one instanceof InputError ? { refusal: one.message } : { one, values: { ...one } };
}

const sizeText = ({ width, height }: ImageSize): string => `${width}x${height}`;

type Fixed = Pick<
  Point,
  "model" | "engine" | "gpu" | "tensorParallelSize" | "precision" | "kvCacheDtype"
>;

function pointAt(
  fixed: Fixed,
  prepared: Prepared | undefined,
  run: Runner | undefined,
  workload: EstimateOptions,
  lengths: Lengths,
): Point {
  let total: QuickTotal | undefined;
  let outcome: Outcome | undefined;
  const batchSize = whole(workload.batchSize ?? 1, "batchSize", MAX_BATCH);
  if (prepared && "one" in lengths) {
    const { one, values } = lengths;
    values.batch = one.batch * batchSize;
    values.decoded = one.decoded * batchSize;
    total = prepared.totalAt(values);
    outcome = run?.outcome(workload);
  }
  return {
    model: fixed.model,
    engine: fixed.engine,
    gpu: fixed.gpu,
    tensorParallelSize: fixed.tensorParallelSize,
    precision: fixed.precision,
    kvCacheDtype: fixed.kvCacheDtype,
    contextTokens: "one" in lengths ? lengths.one.context : (workload.maxModelLen ?? null),
    audioSeconds: workload.audioSeconds ?? null,
    images: workload.images ?? null,
    imageSize: workload.imageSize ? sizeText(workload.imageSize) : null,
    batchSize,
    totalMemoryBytes: total?.totalMemoryBytes ?? null,
    peakPhase: total?.peakPhase ?? null,
    fits: fixed.gpu === null ? null : (outcome?.fits ?? false),
    headroomBytes: outcome?.headroomBytes ?? null,
    refusal: "refusal" in lengths ? lengths.refusal : null,
  };
}
