import type { Phase } from "../engines/engine.ts";
import { findEngine } from "../engines/index.ts";
import { InputError } from "../errors.ts";
import { type EstimateOptions, estimate } from "../estimate.ts";
import type { Gpus } from "../hardware/index.ts";
import type { Model } from "../model.ts";
import type { MemoryReport } from "../report/memory-report.ts";
import { type Bytes, bytes } from "../units.ts";
import { type Margin, marginOf, NO_MARGIN } from "./margin.ts";
import { runner } from "./runner.ts";

/** One model of several on a card, under its own engine and for its own workload. */
export interface Stage {
  readonly name: string;
  readonly id: string;
  readonly model: Model;
  readonly options: EstimateOptions;
  /** Stages of one process share the driver's context; each has its own where none is named. */
  readonly process?: string;
}

export interface StageShare {
  readonly name: string;
  readonly model: string;
  readonly engine: string;
  readonly process: string;
  /** What it holds while others run: weights and context, or all that a server has reserved. */
  readonly idleBytes: Bytes;
  readonly peakBytes: Bytes;
  readonly peakPhase: Phase;
  /** The share of the device that a server is given: stated, or the least (in hundredths) with which it runs. */
  readonly gpuMemoryUtilization: number | null;
  /** A server that no share of the device lets run. */
  readonly starts: boolean;
}

/** One stage in one phase, the others idle. */
export interface TimelinePoint {
  readonly stage: string;
  readonly phase: Phase;
  readonly ownBytes: Bytes;
  readonly totalBytes: Bytes;
}

export interface Pipeline {
  readonly gpu: Gpus | null;
  readonly stages: readonly StageShare[];
  readonly timeline: readonly TimelinePoint[];
  /** The most at any time if stages run one after the other and give back what they no longer need. */
  readonly inTurnBytes: Bytes;
  /** Every stage at its peak: they run at the same time, or their allocators keep what they took. */
  readonly togetherBytes: Bytes;
  readonly marginBytes: Bytes;
  /** Whether each of the two runs on the device; null without one. */
  readonly fitsInTurn: boolean | null;
  readonly fitsTogether: boolean | null;
}

/** @throws InputError as `estimate` does, and for no stage at all or several devices. */
export function pipeline(
  stages: readonly Stage[],
  gpu?: Gpus,
  margin: Margin = NO_MARGIN,
): Pipeline {
  if (stages.length === 0)
    throw new InputError(
      "missing-field",
      "The pipeline has no stage: name at least one model.",
      "stages",
    );
  if (gpu && gpu.count > 1)
    throw new InputError(
      "inconsistent",
      "A pipeline is sized for one device: name one, or size each stage on its own.",
      "gpu",
    );
  const seen = new Set<string>();
  const planned = stages.map((stage) => {
    const own = stage.process === undefined ? `process of ${stage.name}` : stage.process;
    const shared = seen.has(own);
    seen.add(own);
    return plan(stage, own, shared, gpu);
  });
  const timeline = planned.flatMap(({ share, phases }, at) => {
    const idle = planned.reduce((sum, other, i) => sum + (i === at ? 0 : other.share.idleBytes), 0);
    return phases.map(
      ({ phase, own }): TimelinePoint => ({
        stage: share.name,
        phase,
        ownBytes: own,
        totalBytes: bytes(own + idle),
      }),
    );
  });
  const inTurnBytes = bytes(Math.max(...timeline.map(({ totalBytes }) => totalBytes)));
  const togetherBytes = bytes(planned.reduce((sum, { share }) => sum + share.peakBytes, 0));
  const marginBytes = gpu ? marginOf(margin, gpu.usableBytes) : bytes(0);
  const all = planned.every(({ share }) => share.starts);
  const fits = (need: number) => (gpu ? all && need + marginBytes <= gpu.usableBytes : null);
  return {
    gpu: gpu ?? null,
    stages: planned.map(({ share }) => share),
    timeline,
    inTurnBytes,
    togetherBytes,
    marginBytes,
    fitsInTurn: fits(inTurnBytes),
    fitsTogether: fits(togetherBytes),
  };
}

interface Planned {
  readonly share: StageShare;
  readonly phases: readonly { readonly phase: Phase; readonly own: Bytes }[];
}

function plan(stage: Stage, process: string, shared: boolean, gpu: Gpus | undefined): Planned {
  const given = shareOf(stage, gpu);
  const report = estimate(stage.model, {
    ...stage.options,
    ...(gpu && given !== null && { gpuMemory: gpu.usableBytes, gpuMemoryUtilization: given }),
  });
  const phases = report.phases.map(({ phase }) => ({
    phase,
    own: ownBytes(report, phase, shared),
  }));
  const peak = phases.reduce((a, b) => (b.own > a.own ? b : a));
  const serves = report.serving !== null;
  return {
    phases: serves ? [peak] : phases,
    share: {
      name: stage.name,
      model: stage.id,
      engine: report.engine,
      process,
      idleBytes: serves ? peak.own : (phases[0]?.own ?? peak.own),
      peakBytes: peak.own,
      peakPhase: peak.phase,
      gpuMemoryUtilization: given,
      starts: !serves || !gpu || given !== null,
    },
  };
}

/** What a process has once, however many models it runs. */
const ONCE_A_PROCESS: ReadonlySet<string> = new Set([
  "CUDA context",
  "cuBLAS workspace",
  "driver and libraries",
]);

function ownBytes({ ledger }: MemoryReport, phase: Phase, shared: boolean): Bytes {
  let sum = 0;
  for (const { label, alive } of ledger.lines)
    if (!(shared && ONCE_A_PROCESS.has(label))) sum += alive[phase] ?? 0;
  return bytes(sum);
}

/** The share of the device that a server fills: as stated, or the least in hundredths with which its requests run. */
function shareOf({ model, options }: Stage, gpu: Gpus | undefined): number | null {
  const serves = findEngine((options.engine ?? "transformers").split("@")[0]).serving !== undefined;
  if (!gpu || !serves) return null;
  const runs = (gpuMemoryUtilization: number) =>
    runner(model, { ...options, gpuMemoryUtilization }, gpu, NO_MARGIN).outcome(options).fits;
  if (options.gpuMemoryUtilization !== undefined)
    return runs(options.gpuMemoryUtilization) ? options.gpuMemoryUtilization : null;
  for (let hundredths = 1; hundredths <= 100; hundredths++)
    if (runs(hundredths / 100)) return hundredths / 100;
  return null;
}
