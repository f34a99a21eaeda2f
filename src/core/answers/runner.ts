import type { Serving } from "../engines/engine.ts";
import { InputError } from "../errors.ts";
import { type EstimateOptions, type Prepared, prepare } from "../estimate.ts";
import type { Gpus } from "../hardware/index.ts";
import type { Model } from "../model.ts";
import type { AxisValues } from "../quantity/axis.ts";
import { type Bytes, bytes } from "../units.ts";
import { flagOf } from "../whole.ts";
import type { WorkloadOptions } from "../workload.ts";
import { type Margin, marginOf } from "./margin.ts";

/** What one workload comes to on one kind of device. Sizes are bytes on each device. */
export interface Outcome {
  /** What the workload takes, the margin not included. A server's pool counts as far as its requests need it. */
  readonly needBytes: Bytes;
  /** What it may take: the usable memory, or the share of it that a server is given. */
  readonly limitBytes: Bytes;
  readonly marginBytes: Bytes;
  /** What is left of the limit beside need and margin; below 0: what is missing. */
  readonly headroomBytes: number;
  readonly fits: boolean;
  /** Why it does not run although memory is there; null where memory decides. */
  readonly refusal: "max-num-seqs" | "cuda-graphs" | null;
}

/** One model under one setup on one kind of device: asks about many workloads by the rules of the real report. */
export interface Runner {
  readonly marginBytes: Bytes;
  outcome(workload: WorkloadOptions): Outcome;
}

/**
 * Options as they are on these devices: their memory, and as many ranks as there are devices where none were asked for.
 */
export const onDevices = (options: EstimateOptions, gpus: Gpus): EstimateOptions => ({
  ...options,
  gpuMemory: gpus.usableBytes,
  tensorParallelSize: options.tensorParallelSize ?? ranksOn(gpus, options),
});

/** Devices of each stage, where the user left open how many share a layer. */
function ranksOn(
  gpus: Gpus,
  { pipelineParallelSize = 1, dataParallelSize = 1 }: EstimateOptions,
): number {
  const groups = pipelineParallelSize * dataParallelSize;
  if (gpus.count % groups === 0) return gpus.count / groups;
  const flag = pipelineParallelSize > 1 ? "pipelineParallelSize" : "dataParallelSize";
  throw new InputError(
    "inconsistent",
    `${flagOf(flag)} is ${pipelineParallelSize > 1 ? pipelineParallelSize : dataParallelSize}, into which ${gpus.count} ${gpus.count === 1 ? "device does" : "devices do"} not divide: name as many, such as --gpu ${groups}x${gpus.id ?? "l4"}, or state --tensor-parallel-size.`,
    flag,
  );
}

export function runner(model: Model, options: EstimateOptions, gpus: Gpus, margin: Margin): Runner {
  const settled = onDevices(options, gpus);
  const marginBytes = marginOf(margin, gpus.usableBytes);
  // A server is started for a length of context, so that another length is another setup.
  const byLength = new Map<number | undefined, Prepared>();
  const preparedFor = (maxModelLen: number | undefined): Prepared => {
    let found = byLength.get(maxModelLen);
    if (!found) {
      const { maxModelLen: _, ...rest } = settled;
      found = prepare(model, { ...rest, ...(maxModelLen !== undefined && { maxModelLen }) });
      byLength.set(maxModelLen, found);
    }
    return found;
  };
  const usual = preparedFor(settled.maxModelLen);
  const serves = usual.engine.serving !== undefined;
  return {
    marginBytes,
    outcome(workload) {
      const prepared = serves ? preparedFor(workload.maxModelLen) : usual;
      const values = prepared.settle(workload);
      const { totalMemoryBytes } = prepared.totalAt(values);
      const serving = serves ? prepared.serving(values) : null;
      if (serving?.device) {
        return served(prepared, serving, serving.device, values, totalMemoryBytes, marginBytes);
      }
      const headroomBytes = gpus.usableBytes - totalMemoryBytes - marginBytes;
      return {
        needBytes: bytes(totalMemoryBytes),
        limitBytes: gpus.usableBytes,
        marginBytes,
        headroomBytes,
        fits: headroomBytes >= 0,
        refusal: null,
      };
    },
  };
}

/**
 * A server starts if its pool holds one request as long as it promises to serve (vLLM refuses to start otherwise), and
 * runs the batch at once if the pool holds all of it.
 */
function served(
  prepared: Prepared,
  serving: Serving,
  device: NonNullable<Serving["device"]>,
  values: AxisValues,
  totalBytes: number,
  marginBytes: Bytes,
): Outcome {
  const longest = prepared.serving({
    ...values,
    context: serving.maxModelLen,
    memory: values.memory > 0 ? serving.maxNumBatchedTokens : 0,
  });
  const blockBytes = serving.requestBlocks > 0 ? serving.requestKvBytes / serving.requestBlocks : 0;
  const blocks = Math.max(values.batch * serving.requestBlocks, longest?.requestBlocks ?? 0);
  const pool =
    blockBytes > 0
      ? Math.min(device.availableKvCacheBytes, device.numBlocks * blockBytes)
      : device.availableKvCacheBytes;
  const headroomBytes = pool - blocks * blockBytes - marginBytes;
  const refusal =
    values.batch > serving.maxNumSeqs
      ? "max-num-seqs"
      : headroomBytes >= 0 && totalBytes > device.gpuMemoryBytes
        ? "cuda-graphs"
        : null;
  return {
    needBytes: bytes(device.budgetBytes - device.availableKvCacheBytes + blocks * blockBytes),
    limitBytes: bytes(device.budgetBytes),
    marginBytes,
    headroomBytes,
    fits: headroomBytes >= 0 && refusal === null,
    refusal,
  };
}
