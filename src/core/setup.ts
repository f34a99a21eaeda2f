import { computeDtype, type Dtype, parsePrecision } from "./dtype.ts";
import type { Setup } from "./engines/engine.ts";
import type { Model } from "./model.ts";
import { whole } from "./workload.ts";

/** How a model is held, in the user's words. */
export interface SetupOptions {
  /** Dtype of the weights: default the checkpoint's own, fp16 where the config states none. */
  readonly precision?: string;
  /** Dtype of the KV cache: default the dtype that activations have. */
  readonly kvCacheDtype?: string;
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
    tensorParallel: whole(options.tensorParallelSize ?? 1, "tensorParallelSize", MAX_RANKS),
  };
}

function precisionOf(model: Model, options: SetupOptions, assumed: string[]): Dtype {
  if (options.precision !== undefined && options.precision !== "auto")
    return parsePrecision(options.precision, "--precision");
  if (model.dtype !== undefined) return model.dtype;
  assumed.push("The config states no known dtype: fp16 is taken. --precision says otherwise.");
  return "fp16";
}
