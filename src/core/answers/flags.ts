import { bitsOf } from "../dtype.ts";
import type { EstimateOptions } from "../estimate.ts";
import { parseModalityLimits } from "../limit-mm.ts";
import type { MemoryReport } from "../report/memory-report.ts";

/** vLLM's names for dtypes of weights and caches. */
const DTYPES: Readonly<Record<string, string>> = {
  fp32: "float32",
  fp16: "float16",
  bf16: "bfloat16",
};
const CACHES: Readonly<Record<string, string>> = { fp8_e4m3: "fp8_e4m3", fp8_e5m2: "fp8_e5m2" };

export interface ServeLine {
  readonly command: string;
  /** What no flag can say. */
  readonly remarks: readonly string[];
}

/**
 * The `vllm serve` line that a report's numbers stand for: what it settled for a device is spelled out, so that no default
 * of another version or card changes it. Undefined for engines that are not vLLM, and without a device.
 */
export function vllmServe(report: MemoryReport, options: EstimateOptions): ServeLine | undefined {
  const { serving, precision, kvCacheDtype, workload } = report;
  if (report.engine !== "vllm" || !serving?.device) return undefined;
  const remarks: string[] = [];
  const flags: string[] = [];
  const dtype = DTYPES[precision];
  if (dtype !== undefined) flags.push(`--dtype ${dtype}`);
  else if (precision.startsWith("fp8")) flags.push("--quantization fp8");
  else remarks.push(`serve a checkpoint that is quantised to ${precision}`);
  const cache = CACHES[kvCacheDtype];
  if (cache !== undefined) flags.push(`--kv-cache-dtype ${cache}`);
  else if (bitsOf(kvCacheDtype) < 16)
    remarks.push(`no --kv-cache-dtype stands for ${kvCacheDtype}: use fp8`);
  flags.push(`--max-model-len ${serving.maxModelLen}`);
  flags.push(`--max-num-seqs ${serving.maxNumSeqs}`);
  flags.push(`--max-num-batched-tokens ${serving.maxNumBatchedTokens}`);
  flags.push(`--gpu-memory-utilization ${serving.device.gpuMemoryUtilization}`);
  if (workload.tensorParallelSize > 1)
    flags.push(`--tensor-parallel-size ${workload.tensorParallelSize}`);
  if (workload.pipelineParallelSize > 1)
    flags.push(`--pipeline-parallel-size ${workload.pipelineParallelSize}`);
  if (serving.dataParallelSize > 1) flags.push(`--data-parallel-size ${serving.dataParallelSize}`);
  if (options.limitMmPerPrompt !== undefined)
    flags.push(
      `--limit-mm-per-prompt ${quoted(JSON.stringify(parseModalityLimits(options.limitMmPerPrompt)))}`,
    );
  if (options.enableExpertParallel) flags.push("--enable-expert-parallel");
  if (options.blockSize !== undefined) flags.push(`--block-size ${options.blockSize}`);
  if (options.maxLoras !== undefined) {
    flags.push(`--enable-lora --max-loras ${options.maxLoras}`);
    if (options.maxLoraRank !== undefined) flags.push(`--max-lora-rank ${options.maxLoraRank}`);
    if (options.fullyShardedLoras) flags.push("--fully-sharded-loras");
  }
  if (options.enforceEager) flags.push("--enforce-eager");
  const { maxModelLen, derivedMaxModelLen: derived } = serving;
  const allowed =
    derived !== null && maxModelLen > derived ? "VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 " : "";
  return {
    command: `${allowed}vllm serve ${quoted(report.model ?? "MODEL")} ${flags.join(" ")}`,
    remarks,
  };
}

/** An id or path as one word of a POSIX shell. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
