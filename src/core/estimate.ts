import { compilePhase, sizeOf } from "./compiled-plan.ts";
import { attentionType } from "./derive/attention-type.ts";
import type { Checkpoint, StoredTensor } from "./derive/checkpoint.ts";
import { compareCheckpoint } from "./derive/compare.ts";
import { countActiveParameters, countParameters } from "./derive/parameters.ts";
import { type DescribeOptions, describe } from "./describe.ts";
import type { Engine, Phase, Serving, Setup } from "./engines/engine.ts";
import type { TrainingOptions } from "./engines/training/options.ts";
import { InputError } from "./errors.ts";
import type { Model } from "./model.ts";
import { AXES, type AxisValues } from "./quantity/axis.ts";
import { lengthsInto } from "./quantity/compiled.ts";
import { quantisedCount, restDtype } from "./quantization/stored.ts";
import { reportCheckpoint } from "./report/checkpoint.ts";
import { MemoryReport, type ReportedQuantization, totalsOf } from "./report/memory-report.ts";
import { fullest, stagesOf } from "./report/stages.ts";
import { engineOf, expansionOf, heardAndSeen, oneSequence, setupFor } from "./settle-engine.ts";
import type { SetupOptions } from "./setup.ts";
import { withCheckpoint } from "./with-checkpoint.ts";
import { withoutParts } from "./without.ts";
import { axesOf, settleWorkload, type WorkloadOptions } from "./workload.ts";

export interface EstimateOptions extends WorkloadOptions, SetupOptions {
  /** Whose rules: "transformers" (default), "vllm" (or with a version, "vllm@0.15"), "generic". */
  readonly engine?: string;
  /** The model learns: how. In place of an engine. */
  readonly training?: TrainingOptions;
  /** Parts that are not loaded, by component: `["talker", "code2wav"]`. */
  readonly without?: readonly string[];
  /** What to call the model in the report. */
  readonly id?: string;
  /** What the checkpoint's header says: the report then compares it with the described tree. */
  readonly checkpoint?: Checkpoint;
  /** The checkpoint's tensors under the tree's names where the format has names of its own; empty: they cannot be compared. */
  readonly comparable?: readonly StoredTensor[];
}

/**
 * The memory report of a described model.
 * @throws InputError for options that make no sense or do not fit the model.
 */
export function estimate(whole: Model, options: EstimateOptions = {}): MemoryReport {
  const all = withoutParts(checkpointed(whole, options), options.without);
  const { engine, version } = engineOf(all, options);
  const model = heardAndSeen(engine, all, options);
  const assumptions = [...model.assumptions];
  const setup = setupFor(engine, model, { ...options, ...version }, assumptions);
  const workload = settleWorkload(model, options, assumptions);
  oneSequence(setup, workload.batchSize);
  const { audio } = workload;
  if (engine.oneWindow && audio && audio.windows > audio.concurrentWindows) {
    assumptions.push("One window of the audio is an example; the others are further examples.");
  }
  const values = axesOf(workload, expansionOf(model, setup));
  const serving = engine.serving?.(model, setup, values) ?? null;
  if (serving) assumptions.push(...(engine.warns?.(serving) ?? []));
  const phases = engine.phases(model).filter((phase) => happens(phase, model, values));
  const { ledger, stages } = fullest(stagesOf(engine, model, setup), phases, values);
  return new MemoryReport({
    schemaVersion: 1,
    model: options.id ?? null,
    architecture: model.architecture,
    modelType: model.type,
    attentionType: attentionType(model.root),
    parameterCount: countParameters(model.root).total,
    activeParameterCount: countActiveParameters(model.root).active,
    precision: setup.precision,
    quantization: reportedQuantization(model, setup, engine),
    kvCacheDtype: setup.kvCache,
    engine: engine.name,
    workload: {
      batchSize: workload.batchSize,
      contextTokens: workload.contextTokens,
      promptTokens: workload.promptTokens,
      encoderTokens: workload.encoderTokens,
      audioTokens: workload.audioTokens,
      tensorParallelSize: setup.tensorParallel,
      pipelineParallelSize: setup.pipelineParallel,
      audio: workload.audio,
      imageTokens: workload.imageTokens,
      images: workload.images,
    },
    ...totalsOf(ledger.lines, phases),
    stages,
    serving,
    ledger,
    assumptions,
    checkpoint: options.checkpoint ? checked(model, options.checkpoint, options) : null,
  });
}

/** A library's caller may hand over the model and its checkpoint apart. */
const checkpointed = (model: Model, { checkpoint, comparable }: EstimateOptions): Model =>
  checkpoint && !model.quantization?.stored ? withCheckpoint(model, checkpoint, comparable) : model;

function checked(
  model: Model,
  checkpoint: Checkpoint,
  { comparable = checkpoint.tensors }: EstimateOptions,
) {
  const comparison = comparable.length > 0 ? compareCheckpoint(model.root, comparable) : undefined;
  return reportCheckpoint(checkpoint, comparison);
}

/**
 * The report of a config.
 * @param config parsed JSON of a config.json.
 */
export function calculateTotalMemory(
  config: unknown,
  options: EstimateOptions & DescribeOptions = {},
): MemoryReport {
  return estimate(describe(config, options), options);
}

/** What a prepared model says of one workload: the total and its phase, in bytes, without the ledger. */
export interface QuickTotal {
  totalMemoryBytes: number;
  peakPhase: Phase;
}

/** A model with everything settled that does not depend on lengths, for asking about many workloads. */
export interface Prepared {
  readonly model: Model;
  readonly engine: Engine;
  readonly setup: Setup;
  /** Same total as `estimate` gives, in about a microsecond. */
  total(options: WorkloadOptions): QuickTotal;
  /** The same for lengths that are settled already. */
  totalAt(values: AxisValues): QuickTotal;
  /** The lengths of a workload. @throws InputError as `estimate` does. */
  settle(options: WorkloadOptions): AxisValues;
  /** What a serving engine decides for these lengths; null for engines that do not serve. */
  serving(values: AxisValues): Serving | null;
}

/** Works out all formulas of a model once. `total` of the result equals `estimate` of the same workload. */
export function prepare(
  whole: Model,
  options: Pick<EstimateOptions, "engine" | "training" | "without" | "maxModelLen"> &
    SetupOptions = {},
): Prepared {
  const all = withoutParts(whole, options.without);
  const { engine, version } = engineOf(all, options);
  const model = heardAndSeen(engine, all, options);
  const setup = setupFor(engine, model, { ...options, ...version });
  const stages = stagesOf(engine, model, setup);
  const expansion = expansionOf(model, setup);
  const phases = stages.flatMap(({ plan }) =>
    engine.phases(model).map((phase) => compilePhase(plan, phase)),
  );
  const lengths = new Float64Array(AXES.length);
  const totalAt = (values: AxisValues): QuickTotal => {
    lengthsInto(lengths, values);
    let most = -1;
    let peak: Phase = "load";
    for (const phase of phases) {
      if (!happens(phase.phase, model, values)) continue;
      const total = sizeOf(phase, lengths, values);
      if (total > most) {
        most = total;
        peak = phase.phase;
      }
    }
    if (!Number.isSafeInteger(most)) {
      throw new InputError(
        "too-large",
        `The result, ${most} bytes, is beyond what can be counted exactly (2^53).`,
      );
    }
    return { totalMemoryBytes: most, peakPhase: peak };
  };
  const settle = (options: WorkloadOptions) => {
    const workload = settleWorkload(model, options, IGNORED);
    oneSequence(setup, workload.batchSize);
    return axesOf(workload, expansion);
  };
  return {
    model,
    engine,
    setup,
    totalAt,
    settle,
    total: (workload) => totalAt(settle(workload)),
    serving: (values) => engine.serving?.(model, setup, values) ?? null,
  };
}

/** A model that only sees encodes nothing where there are no images. */
const happens = (phase: Phase, { audio, encoderText, vision }: Model, values: AxisValues) =>
  phase !== "encode" || !vision || Boolean(audio ?? encoderText) || values.patches > 0;

/** Swallows the assumptions that a quick total does not print. */
const IGNORED = { push: () => 0 } as unknown as string[];

function reportedQuantization(
  model: Model,
  setup: Setup,
  engine: Engine,
): ReportedQuantization | null {
  if (!setup.quantization) return null;
  const { quantised, rest } = quantisedCount(model.root, setup, engine.servesWhole);
  return {
    scheme: setup.quantization.name,
    stated: setup.quantization === model.quantization,
    quantizedParameters: quantised,
    otherParameters: rest,
    otherDtype: restDtype(setup),
  };
}
