import { countActiveParameters, countParameters } from "../derive/parameters.ts";
import type { Phase } from "../engines/engine.ts";
import { InputError } from "../errors.ts";
import { type EstimateOptions, estimate } from "../estimate.ts";
import { type Gpus, gpuName } from "../hardware/index.ts";
import { fitOn, type Verdict } from "./fit.ts";
import { type Margin, NO_MARGIN } from "./margin.ts";
import { NOT_RUN, unlessRefused } from "./refused.ts";
import { onDevices } from "./runner.ts";
import type { Subject } from "./sweep.ts";

/** One model beside others: the totals of its report, and the verdict on the device if there is one. */
export interface Compared {
  readonly model: string;
  readonly modelType: string;
  readonly parameterCount: number;
  /** Parameters that one token goes through. */
  readonly activeParameterCount: number;
  readonly precision: string | null;
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
 * not hear, images for one that does not see) is left out for it.
 * @throws InputError as `estimate` does, but for engines that do not run a model and workloads that do not fit it: those are rows with a refusal.
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
  const { images, imageSize, ...blind } = options;
  const seen = model.vision ? options : blind;
  if (model.audio) return seen;
  const { audioSeconds: _, encoderSeqLength: __, ...rest } = seen;
  return rest;
}

function compared(
  { id, model }: Subject,
  options: EstimateOptions,
  gpu: Gpus | undefined,
  margin: Margin,
): Compared {
  const report = unlessRefused(NOT_RUN, () =>
    estimate(model, gpu ? onDevices(options, gpu) : options),
  );
  const about = {
    model: id,
    modelType: model.type,
    parameterCount: countParameters(model.root).total,
    activeParameterCount: countActiveParameters(model.root).active,
    gpu: gpu ? gpuName(gpu) : null,
  };
  if (report instanceof InputError) {
    return {
      ...about,
      precision: options.precision ?? null,
      engine: options.training ? "training" : (options.engine ?? "transformers"),
      weightMemoryBytes: null,
      kvCacheBytes: null,
      activationMemoryBytes: null,
      totalMemoryBytes: null,
      peakPhase: null,
      verdict: null,
      headroomBytes: null,
      refusal: report.message,
    };
  }
  const said = gpu && fitOn(model, { ...options, margin }, gpu);
  return {
    ...about,
    precision: report.precision,
    engine: report.engine,
    weightMemoryBytes: report.weightMemoryBytes,
    kvCacheBytes: report.kvCacheBytes,
    activationMemoryBytes: report.activationMemoryBytes,
    totalMemoryBytes: report.totalMemoryBytes,
    peakPhase: report.peakPhase,
    verdict: said?.verdict ?? null,
    headroomBytes: said?.headroomBytes ?? null,
    refusal: null,
  };
}
