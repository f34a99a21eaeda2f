import { computeDtype, type Dtype, parsePrecision } from "./dtype.ts";
import type { AttentionKernel, Setup } from "./engines/engine.ts";
import { InputError, shown } from "./errors.ts";
import type { Model } from "./model.ts";
import { whole } from "./workload.ts";

/** How a model is held, in the user's words. */
export interface SetupOptions {
  /** Dtype of the weights: default the checkpoint's own, fp16 where the config states none. */
  readonly precision?: string;
  /** Dtype of the KV cache: default the dtype that activations have. */
  readonly kvCacheDtype?: string;
  /** How attention is computed, as transformers names it: "sdpa" (default; flash kernels) or "eager". */
  readonly attnImplementation?: string;
  /** Ranks that share the model. Default 1. */
  readonly tensorParallelSize?: number;
}

const MAX_RANKS = 2 ** 16;

/** @throws InputError for an unknown precision or a number of ranks that makes no sense. */
export function settleSetup(model: Model, options: SetupOptions, assumed: string[] = []): Setup {
  const precision = precisionOf(model, options, assumed);
  const compute = computeDtype(precision, model.dtype);
  const kvCache =
    options.kvCacheDtype === undefined || options.kvCacheDtype === "auto"
      ? compute
      : parsePrecision(options.kvCacheDtype, "--kv-cache-dtype");
  return {
    precision,
    compute,
    kvCache,
    attention: kernelOf(options.attnImplementation),
    tensorParallel: whole(options.tensorParallelSize ?? 1, "tensorParallelSize", MAX_RANKS),
  };
}

function precisionOf(model: Model, options: SetupOptions, assumed: string[]): Dtype {
  if (options.precision !== undefined && options.precision !== "auto") {
    const precision = parsePrecision(options.precision, "--precision");
    if (["int64", "int32", "int16", "uint8", "bool"].includes(precision)) {
      throw new InputError(
        "unknown-precision",
        `--precision is "${options.precision}", in which no weights are kept: use fp16, bf16, fp32, fp8, int8 or int4.`,
        "--precision",
      );
    }
    return precision;
  }
  if (model.dtype !== undefined) return model.dtype;
  assumed.push("The config states no dtype: fp16 is taken. --precision says otherwise.");
  return "fp16";
}

/** flash_attention_2 holds what SDPA's flash kernel holds. */
function kernelOf(name: string | undefined): AttentionKernel {
  if (name === undefined || name === "sdpa" || name === "flash_attention_2") return "sdpa";
  if (name === "eager") return "eager";
  throw new InputError(
    "unknown-option",
    `--attn-implementation is ${shown(name)}, which is not known: use sdpa, flash_attention_2 or eager.`,
    "attnImplementation",
  );
}
