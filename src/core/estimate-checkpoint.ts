import { type Checkpoint, storedByDtype } from "./derive/checkpoint.ts";
import { type Dtype, findDtype } from "./dtype.ts";
import { InputError } from "./errors.ts";
import { reportCheckpoint } from "./report/checkpoint.ts";
import type { Line } from "./report/ledger.ts";
import { MemoryReport, totalsOf } from "./report/memory-report.ts";
import { bytes, grouped } from "./units.ts";

/**
 * The report of a checkpoint whose architecture is not described: its weights, exactly, and nothing else, since caches
 * and activations follow from the architecture.
 * @param why the sentence that says why there is no tree.
 */
export function estimateCheckpoint(
  checkpoint: Checkpoint,
  about: { readonly id?: string; readonly why: string; readonly notes?: readonly string[] },
): MemoryReport {
  const stored = storedByDtype(checkpoint.tensors);
  const [largest] = stored;
  const parameterCount = stored.reduce((sum, share) => sum + share.elements, 0);
  if (!largest || parameterCount === 0) {
    throw new InputError(
      "unreadable",
      `${checkpoint.source} has no tensors with elements, so there is nothing to count.`,
      checkpoint.source,
    );
  }
  const lines = stored.map((share): Line => {
    const size = bytes(share.bytes);
    return {
      label: `weights ${share.dtype}`,
      component: "model",
      kind: "weights",
      bytes: size,
      alive: { load: size },
      basis: "exact",
      formula: `${grouped(share.elements)} elements of ${grouped(share.tensors)} tensors as ${share.dtype}`,
      source: `header of ${checkpoint.source}`,
    };
  });
  const precision = nearestDtype(largest.dtype);
  return new MemoryReport({
    schemaVersion: 1,
    model: about.id ?? null,
    architecture: "unknown",
    modelType: "unknown",
    attentionType: "none",
    parameterCount,
    activeParameterCount: null,
    precision,
    kvCacheDtype: precision,
    engine: "none",
    workload: {
      batchSize: 1,
      contextTokens: 0,
      promptTokens: 0,
      encoderTokens: 0,
      audioTokens: 0,
      tensorParallelSize: 1,
      pipelineParallelSize: 1,
      audio: null,
      imageTokens: 0,
      images: null,
    },
    ...totalsOf(lines, ["load"]),
    quantization: null,
    stages: null,
    serving: null,
    ledger: { lines },
    assumptions: [
      about.why,
      "Only weights are counted, as stored: KV cache and activations follow from the architecture, and buffers and overhead from the engine, so they cannot be known from the checkpoint.",
      ...(about.notes ?? []),
    ],
    checkpoint: reportCheckpoint(checkpoint, undefined),
  });
}

/** The dtype of this program that a format's word stands for; block formats by the width of their values. */
export function nearestDtype(word: string): Dtype {
  const found = findDtype(word.replace(/^F8_E4M3.*/, "fp8_e4m3").replace(/^F8_E5M2.*/, "fp8_e5m2"));
  if (found !== undefined && !["int64", "int32", "int16", "uint8", "bool"].includes(found))
    return found;
  return /^(IQ|TQ|Q)[1-4]|4$/.test(word) ? "int4" : "int8";
}
