import { readFileSync } from "node:fs";
import { calculateMemory, catalogConfig, GiB } from "llm-memory-calculator";

/** What users' logs state; sizes in GiB as vLLM prints them, per device. */
interface Log {
  readonly model: string;
  readonly version: string;
  readonly dtype: string;
  readonly tp: number;
  readonly maxModelLen?: number;
  /** "Model loading took" */
  readonly loading?: number;
  /** "Available KV cache memory", with what came of it. */
  readonly kvGib?: number;
  readonly tokens?: number;
  readonly blocks?: number;
  readonly lora?: boolean;
  /** Scheme of the checkpoint that was served, where the catalog's is another one. */
  readonly quantization?: string;
  /** How far the prediction may be off, where `note` says why more than a hundredth. */
  readonly band?: number;
  readonly note?: string;
  readonly source: string;
}

export interface LogComparison {
  readonly what: "model loading" | "KV bytes per token" | "KV blocks";
  readonly model: string;
  readonly predicted: number;
  readonly logged: number;
  readonly error: number;
  readonly band: number;
  readonly source: string;
}

/** Logs round to two to four decimals, and an unstated setting may hold a small buffer more. */
const BAND = 0.01;

const LOGS = JSON.parse(
  readFileSync(new URL("./vllm-logs.json", import.meta.url), "utf8"),
) as readonly Log[];

const BLOCK = 16;

/** Predictions of every log whose model is in the catalog. */
export function logComparisons(): LogComparison[] {
  return LOGS.flatMap((log): LogComparison[] => {
    if (catalogConfig(log.model) === undefined) return [];
    const { serving } = calculateMemory(log.model, {
      engine: `vllm@${log.version}`,
      precision: log.dtype,
      ...(log.quantization !== undefined && { quantization: log.quantization }),
      tensorParallelSize: log.tp,
      ...(log.maxModelLen !== undefined && { maxModelLen: log.maxModelLen }),
    });
    if (!serving) return [];
    const compare = (what: LogComparison["what"], predicted: number, logged: number) => ({
      what,
      model: log.tp > 1 ? `${log.model}, TP ${log.tp}` : log.model,
      predicted,
      logged,
      error: predicted / logged - 1,
      band: log.band ?? BAND,
      source: log.source,
    });
    // Whole blocks: a request's bytes by its blocks.
    const perBlock = serving.requestKvBytes / serving.requestBlocks;
    return [
      ...(log.loading !== undefined && !log.lora
        ? [compare("model loading", serving.modelLoadingBytes / GiB, log.loading)]
        : []),
      ...(log.kvGib !== undefined && log.tokens !== undefined
        ? [compare("KV bytes per token", perBlock / BLOCK, (log.kvGib * GiB) / log.tokens)]
        : []),
      ...(log.kvGib !== undefined && log.blocks !== undefined
        ? [compare("KV blocks", Math.floor((log.kvGib * GiB) / perBlock), log.blocks)]
        : []),
    ];
  });
}
