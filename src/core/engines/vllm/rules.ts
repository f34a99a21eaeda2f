import { InputError, shown } from "../../errors.ts";
import { GiB } from "../../units.ts";

/** What changed between versions of vLLM and changes the numbers. */
export interface Rules {
  readonly version: string;
  /** The 15 of 0.15. */
  readonly minor: number;
  /** Default of `--gpu-memory-utilization`: 0.90, and 0.92 since the memory of CUDA graphs is estimated (#38284, v0.21). */
  readonly utilization: number;
  /** Whether that estimate is subtracted before the KV cache is sized: v0.21 to v0.25; runner V2 returns 0 (#44443). */
  readonly graphsSubtracted: boolean;
  /**
   * Bytes that the sampler takes for every row and vocabulary entry in the profile run: bf16 logits, an fp32 copy, and up to
   * v0.20 PyTorch's sort with its int64 index; then kernels that do not sort. Middle of the range that the code allows.
   */
  readonly samplerBytes: number;
  /** "GPU KV cache size": blocks times block size over groups, or since v0.26 concurrency times length (#48317). */
  readonly tokensFromConcurrency: boolean;
  /** Batches in flight for which a sliding window reserves: 2 with asynchronous scheduling (#47728, v0.26). */
  readonly batchesInFlight: number;
}

/** The newest state that was read: main at 017e9f4448, 2026-08-17. */
const NEWEST = "0.27";

/** @throws InputError for what is no version, or one before the V1 engine. */
export function rulesOf(version: string = NEWEST): Rules {
  const hit = /^v?(\d+)\.(\d+)(?:\.\d+)?$/.exec(version);
  const minor = hit && Number(hit[1]) === 0 ? Number(hit[2]) : hit ? 1000 : Number.NaN;
  if (!(minor >= 11)) {
    throw new InputError(
      "unknown-engine",
      `--engine vllm@${shown(version).replaceAll('"', "")} is not a version whose rules are known: use 0.11 (the V1 engine alone) or newer, such as vllm@0.15.`,
      "engine",
    );
  }
  return {
    version: `0.${Math.min(minor, 27)}`,
    minor,
    utilization: minor >= 21 ? 0.92 : 0.9,
    graphsSubtracted: minor >= 21 && minor < 26,
    samplerBytes: minor >= 21 ? 12 : 22,
    tokensFromConcurrency: minor >= 26,
    batchesInFlight: minor >= 26 ? 2 : 1,
  };
}

interface BatchDefaults {
  readonly maxNumBatchedTokens: number;
  readonly maxNumSeqs: number;
}

/**
 * Defaults of the API server by the device's memory (`engine/arg_utils.py`, get_batch_defaults). The A100 is the exception
 * that its name makes; a device here has no name, and 80 GB counts as an H100.
 */
export function batchDefaults(gpuMemory: number | undefined): BatchDefaults {
  const size = gpuMemory ?? 0;
  if (size >= 160 * GiB) return { maxNumBatchedTokens: 16_384, maxNumSeqs: 1024 };
  if (size >= 70 * GiB) return { maxNumBatchedTokens: 8192, maxNumSeqs: 1024 };
  return { maxNumBatchedTokens: 2048, maxNumSeqs: 256 };
}

/**
 * Driver, cuBLAS, NCCL and kernel libraries after start-up. Logged: 0.03 to 0.35 GiB on one device, 0.5 to 2 GiB and more
 * with NCCL (test/measurements/vllm-logs.json); these are the middles.
 */
export const nonTorchBytes = (ranks: number): number => Math.round((ranks > 1 ? 1.5 : 0.2) * GiB);

/** Logged: 0.1 to 0.3 GiB up to 3B parameters, 0.4 to 0.8 for 7 to 8B, 0.5 to 1.5 for 30 to 70B per device. */
export function cudaGraphBytes(parametersPerRank: number): number {
  if (parametersPerRank < 4e9) return Math.round(0.2 * GiB);
  return parametersPerRank < 2e10 ? Math.round(0.6 * GiB) : GiB;
}
