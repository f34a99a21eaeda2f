import type { Phase } from "../engines/engine.ts";
import { InputError } from "../errors.ts";
import { type EstimateOptions, estimate } from "../estimate.ts";
import type { Gpus } from "../hardware/index.ts";
import { fitOn, type Verdict } from "./fit.ts";
import { type Margin, NO_MARGIN } from "./margin.ts";
import { onDevices } from "./runner.ts";
import type { Subject } from "./sweep.ts";

/** One model beside others: the totals of its report, and the verdict on the device if there is one. */
export interface Compared {
  readonly model: string;
  readonly modelType: string;
  readonly parameterCount: number;
  readonly precision: string;
  readonly engine: string;
  readonly gpu: string | null;
  readonly weightMemoryBytes: number | null;
  readonly kvCacheBytes: number | null;
  readonly activationMemoryBytes: number | null;
  readonly totalMemoryBytes: number | null;
  readonly peakPhase: Phase | null;
  readonly verdict: Verdict | null;
  readonly headroomBytes: number | null;
  /** Why there are no numbers: the workload does not fit the model. */
  readonly refusal: string | null;
}

export interface CompareOptions extends EstimateOptions {
  readonly margin?: Margin;
}

/**
 * Every model under the same options, each on each device. A length that a model does not take (seconds for one that does
 * not hear) is left out for it.
 * @throws InputError as `estimate` does, but for workloads that do not fit a model: those are rows with a refusal.
 */
export function* compare(
  subjects: readonly Subject[],
  options: CompareOptions = {},
  gpus: readonly Gpus[] = [],
): Generator<Compared> {
  const { margin = NO_MARGIN, ...rest } = options;
  for (const subject of subjects)
    for (const gpu of gpus.length > 0 ? gpus : [undefined])
      yield compared(subject, forModel(subject, rest), gpu, margin);
}

function forModel({ model }: Subject, options: EstimateOptions): EstimateOptions {
  if (model.audio) return options;
  const { audioSeconds: _, encoderSeqLength: __, ...rest } = options;
  return rest;
}

function compared(
  { id, model }: Subject,
  options: EstimateOptions,
  gpu: Gpus | undefined,
  margin: Margin,
): Compared {
  // What is the same for every workload is asked of one that every model takes.
  const { parameterCount, precision, engine, modelType } = estimate(model, usual(options));
  const about = {
    model: id,
    modelType,
    parameterCount,
    precision,
    engine,
    gpu: gpu ? `${gpu.count > 1 ? `${gpu.count}x` : ""}${gpu.id ?? gpu.name}` : null,
  };
  try {
    const report = estimate(model, gpu ? onDevices(options, gpu) : options);
    const said = gpu && fitOn(model, { ...options, margin }, gpu);
    return {
      ...about,
      weightMemoryBytes: report.weightMemoryBytes,
      kvCacheBytes: report.kvCacheBytes,
      activationMemoryBytes: report.activationMemoryBytes,
      totalMemoryBytes: report.totalMemoryBytes,
      peakPhase: report.peakPhase,
      verdict: said?.verdict ?? null,
      headroomBytes: said?.headroomBytes ?? null,
      refusal: null,
    };
  } catch (error) {
    if (!(error instanceof InputError && error.code === "does-not-fit")) throw error;
    return {
      ...about,
      weightMemoryBytes: null,
      kvCacheBytes: null,
      activationMemoryBytes: null,
      totalMemoryBytes: null,
      peakPhase: null,
      verdict: null,
      headroomBytes: null,
      refusal: error.message,
    };
  }
}

/** The options without lengths. */
function usual(options: EstimateOptions): EstimateOptions {
  const {
    audioSeconds: _a,
    encoderSeqLength: _e,
    maxModelLen: _m,
    promptTokens: _p,
    maxNewTokens: _n,
    ...rest
  } = options;
  return rest;
}
