import type { AudioLengths } from "../audio/geometry.ts";
import type { AttentionType } from "../derive/attention-type.ts";
import type { Dtype } from "../dtype.ts";
import { KINDS, type Kind, type Phase, type Serving } from "../engines/engine.ts";
import type { ModelType } from "../model.ts";
import type { Component } from "../tree/module.ts";
import { type Bytes, bytes, toGB } from "../units.ts";
import type { ImageLengths } from "../vision/geometry.ts";
import type { CheckpointReport } from "./checkpoint.ts";
import type { Ledger, Line } from "./ledger.ts";

/** What one phase holds, in all and by kind. */
export interface PhaseTotal {
  readonly phase: Phase;
  readonly totalBytes: Bytes;
  readonly bytesByKind: Readonly<Partial<Record<Kind, Bytes>>>;
}

/** What the report was made for. Lengths are per sequence. */
export interface ReportedWorkload {
  readonly batchSize: number;
  readonly contextTokens: number;
  readonly promptTokens: number;
  /** Tokens that an encoder of text reads; 0 where there is none. */
  readonly encoderTokens: number;
  readonly audioTokens: number;
  readonly tensorParallelSize: number;
  readonly pipelineParallelSize: number;
  readonly audio: AudioLengths | null;
  readonly imageTokens: number;
  readonly images: ImageLengths | null;
}

/** One stage of a pipeline: what it holds, and the most that it takes on each of its devices. */
export interface ReportedStage {
  /** "layers 0 to 15" */
  readonly holds: string;
  readonly totalMemoryBytes: Bytes;
  readonly peakPhase: Phase;
}

/** How the weights are quantised, and how much of the model is not. */
export interface ReportedQuantization {
  /** "AWQ 4-bit, groups of 128" */
  readonly scheme: string;
  /** Whether the config states it; otherwise it was asked for. */
  readonly stated: boolean;
  readonly quantizedParameters: number;
  /** What stays as it is: token tables, norms, biases, and whatever the scheme leaves out. */
  readonly otherParameters: number;
  readonly otherDtype: Dtype;
}

/** The data of a report: what `estimate --json` prints. Sizes are bytes on the fullest device. */
export interface MemoryReportData {
  readonly schemaVersion: 1;
  /** Catalog id or source of the config; null where only a config was given. */
  readonly model: string | null;
  readonly architecture: string;
  readonly modelType: ModelType;
  readonly attentionType: AttentionType;
  readonly parameterCount: number;
  /** Parameters that one token goes through: all but those of experts that are not picked for it; null where that is not known. */
  readonly activeParameterCount: number | null;
  readonly precision: Dtype;
  /** null: every weight is kept in `precision`. */
  readonly quantization: ReportedQuantization | null;
  readonly kvCacheDtype: Dtype;
  readonly engine: string;
  readonly workload: ReportedWorkload;

  readonly weightMemoryBytes: Bytes;
  readonly kvCacheBytes: Bytes;
  readonly activationMemoryBytes: Bytes;
  readonly stateMemoryBytes: Bytes;
  readonly imageMemoryBytes: Bytes;
  readonly audioMemoryBytes: Bytes;
  readonly extraWorkBytes: Bytes;
  readonly loraAdapterMemoryBytes: Bytes;
  /** The largest phase. */
  readonly totalMemoryBytes: Bytes;

  readonly encoderWeightMemoryBytes: Bytes;
  readonly decoderWeightMemoryBytes: Bytes;
  readonly projectorMemoryBytes: Bytes;
  readonly encoderKvCacheBytes: Bytes;
  readonly decoderKvCacheBytes: Bytes;
  readonly crossAttentionKvCacheBytes: Bytes;

  readonly phases: readonly PhaseTotal[];
  readonly peakPhase: Phase;
  /** The stages of a pipeline, of which the fullest is reported; null without one. */
  readonly stages: readonly ReportedStage[] | null;
  /** What a serving engine decides at start-up; null for engines that do not serve. */
  readonly serving: Serving | null;
  readonly ledger: Ledger;
  /** What the user left open and what the config does not say. */
  readonly assumptions: readonly string[];
  /** What the checkpoint's header says; null where no checkpoint was looked at. */
  readonly checkpoint: CheckpointReport | null;
}

/**
 * A memory report: the data, and each size in GB (10⁹ bytes) beside it. Only the data is enumerable, so that a report
 * written as JSON and read back is the same report.
 */
export interface MemoryReport extends MemoryReportData {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor assigns every field of the data
export class MemoryReport {
  constructor(data: MemoryReportData) {
    Object.assign(this, data);
  }

  /** A report from its JSON. The shape is the one that `schema/memory-report.schema.json` states. */
  static fromJSON(data: MemoryReportData): MemoryReport {
    return new MemoryReport(data);
  }

  get weightMemoryGb(): number {
    return toGB(this.weightMemoryBytes);
  }
  get kvCacheGb(): number {
    return toGB(this.kvCacheBytes);
  }
  get activationMemoryGb(): number {
    return toGB(this.activationMemoryBytes);
  }
  get stateMemoryGb(): number {
    return toGB(this.stateMemoryBytes);
  }
  get imageMemoryGb(): number {
    return toGB(this.imageMemoryBytes);
  }
  get audioMemoryGb(): number {
    return toGB(this.audioMemoryBytes);
  }
  get extraWorkGb(): number {
    return toGB(this.extraWorkBytes);
  }
  get loraAdapterMemoryGb(): number {
    return toGB(this.loraAdapterMemoryBytes);
  }
  get totalMemoryGb(): number {
    return toGB(this.totalMemoryBytes);
  }
  get encoderWeightMemoryGb(): number {
    return toGB(this.encoderWeightMemoryBytes);
  }
  get decoderWeightMemoryGb(): number {
    return toGB(this.decoderWeightMemoryBytes);
  }
  get projectorMemoryGb(): number {
    return toGB(this.projectorMemoryBytes);
  }
  get encoderKvCacheGb(): number {
    return toGB(this.encoderKvCacheBytes);
  }
  get decoderKvCacheGb(): number {
    return toGB(this.decoderKvCacheBytes);
  }
  get crossAttentionKvCacheGb(): number {
    return toGB(this.crossAttentionKvCacheBytes);
  }
}

const ENCODERS: ReadonlySet<Component | "runtime"> = new Set([
  "audio_encoder",
  "vision_encoder",
  "encoder",
  "text_encoder",
]);
const PROJECTORS: ReadonlySet<Component | "runtime"> = new Set([
  "audio_projector",
  "vision_projector",
]);

type Totals = Pick<
  MemoryReportData,
  | `${"weightMemory" | "kvCache" | "activationMemory" | "stateMemory" | "imageMemory" | "audioMemory" | "extraWork" | "loraAdapterMemory" | "totalMemory"}Bytes`
  | `${"encoderWeightMemory" | "decoderWeightMemory" | "projectorMemory" | "encoderKvCache" | "decoderKvCache" | "crossAttentionKvCache"}Bytes`
  | "phases"
  | "peakPhase"
>;

/**
 * Every total of a report, as sums over its lines. A kind's total is the most that it takes in any one phase, so kinds
 * that peak in different phases add up to more than the report's total, which is the largest phase.
 */
export function totalsOf(lines: readonly Line[], phases: readonly Phase[]): Totals {
  const perPhase = phases.map((phase): PhaseTotal => {
    const bytesByKind: Partial<Record<Kind, Bytes>> = {};
    for (const kind of KINDS) {
      const size = sumIn(lines, phase, (line) => line.kind === kind);
      if (size > 0) bytesByKind[kind] = size;
    }
    return { phase, totalBytes: sumIn(lines, phase, () => true), bytesByKind };
  });
  const most = (keep: (line: Line) => boolean): Bytes =>
    bytes(Math.max(0, ...phases.map((phase) => sumIn(lines, phase, keep))));
  const weights = (line: Line) => line.kind === "weights";
  const peak = perPhase.reduce((a, b) => (b.totalBytes > a.totalBytes ? b : a));
  return {
    weightMemoryBytes: most(weights),
    kvCacheBytes: most((line) => line.kind === "kv-cache"),
    activationMemoryBytes: most((line) => line.kind === "activation"),
    stateMemoryBytes: most((line) => line.kind === "state"),
    imageMemoryBytes: most((line) => line.kind === "input" && line.component.startsWith("vision")),
    audioMemoryBytes: most((line) => line.kind === "input" && !line.component.startsWith("vision")),
    extraWorkBytes: most((line) => line.kind === "overhead"),
    loraAdapterMemoryBytes: most((line) => line.component === "lora"),
    totalMemoryBytes: peak.totalBytes,
    encoderWeightMemoryBytes: most((line) => weights(line) && ENCODERS.has(line.component)),
    decoderWeightMemoryBytes: most(
      (line) =>
        weights(line) &&
        !ENCODERS.has(line.component) &&
        !PROJECTORS.has(line.component) &&
        line.component !== "runtime",
    ),
    projectorMemoryBytes: most((line) => weights(line) && PROJECTORS.has(line.component)),
    encoderKvCacheBytes: most(
      (line) =>
        line.kind === "kv-cache" &&
        (ENCODERS.has(line.component) || PROJECTORS.has(line.component)),
    ),
    decoderKvCacheBytes: most(
      (line) =>
        line.kind === "kv-cache" &&
        !ENCODERS.has(line.component) &&
        !PROJECTORS.has(line.component) &&
        !line.label.startsWith("cross"),
    ),
    crossAttentionKvCacheBytes: most(
      (line) => line.kind === "kv-cache" && line.label.startsWith("cross"),
    ),
    phases: perPhase,
    peakPhase: peak.phase,
  };
}

function sumIn(lines: readonly Line[], phase: Phase, keep: (line: Line) => boolean): Bytes {
  let sum = 0;
  for (const line of lines) if (keep(line)) sum += line.alive[phase] ?? 0;
  return bytes(sum);
}
