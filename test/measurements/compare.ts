import { readdirSync, readFileSync } from "node:fs";
import { catalogConfig, describe, estimate, type EstimateOptions, type MemoryReport, type Model } from "llm-memory-calculator";

/** One observed run: what was asked, bytes alive at the peak of each phase above parameters and buffers, caches by kind. */
interface Run {
  readonly dtype: string;
  readonly attn: "eager" | "flash" | "math";
  readonly batch: number;
  readonly prompt?: number;
  readonly new?: number;
  readonly sec?: number;
  readonly audio_tokens?: number;
  readonly cache?: "dynamic" | "static";
  readonly caches: Readonly<Record<string, number>>;
  readonly padded?: number;
  readonly mask?: number;
  readonly input_fp32?: number;
  readonly peaks: Readonly<Record<string, number>>;
}

interface Measured {
  readonly model: string;
  readonly runs: readonly Run[];
}

export interface Comparison {
  readonly file: string;
  readonly model: string;
  readonly phase: string;
  readonly predicted: number;
  readonly observed: number;
  /** predicted / observed − 1 */
  readonly error: number;
  readonly run: string;
}

/** What we call a phase, and what the observations call its parts. */
const PARTS = {
  encode: ["frontend", "encoder", "projector", "merge"],
  prefill: ["prefill"],
  decode: ["decode"],
} as const;

const FOLDER = new URL("./transformers/", import.meta.url);

/** Runs that the rules speak of: dynamic cache, no padding, the kernels that can be asked for. */
const covered = (run: Run): boolean =>
  run.cache !== "static" && run.attn !== "math" && !run.padded && !run.mask && !run.input_fp32;

export function comparisons(): Comparison[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      const measured = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Measured;
      const config = catalogConfig(measured.model);
      if (config === undefined) return [];
      const model = describe(config, { resolve: catalogConfig });
      return measured.runs.filter(covered).flatMap((run) => compare(name.replace(".json", ""), measured.model, model, run));
    });
}

function compare(file: string, id: string, model: Model, run: Run): Comparison[] {
  const options: EstimateOptions = {
    batchSize: run.batch,
    precision: run.dtype,
    attnImplementation: run.attn === "eager" ? "eager" : "sdpa",
    ...(run.prompt !== undefined && { promptTokens: run.prompt - (run.audio_tokens ?? 0) }),
    ...(run.new !== undefined && { maxNewTokens: run.new }),
    ...(run.sec !== undefined && { audioSeconds: run.sec }),
  };
  const report = estimate(model, options);
  const { peaks, ...asked } = run;
  return (Object.keys(PARTS) as (keyof typeof PARTS)[]).flatMap((phase) => {
    const observed = Math.max(0, ...PARTS[phase].map((part) => peaks[part] ?? 0));
    const predicted = transient(report, phase);
    if (observed === 0 || predicted === 0) return [];
    return [{ file, model: id, phase, predicted, observed, error: predicted / observed - 1, run: JSON.stringify(asked) }];
  });
}

/** Everything alive in a phase but weights and buffers. */
function transient(report: MemoryReport, phase: string): number {
  const found = report.phases.find((one) => one.phase === phase);
  return found ? found.totalBytes - (found.bytesByKind.weights ?? 0) : 0;
}
