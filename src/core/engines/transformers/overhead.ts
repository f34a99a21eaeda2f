import type { Model } from "../../model.ts";
import { times } from "../../quantity/product.ts";
import { storedTensors } from "../../quantization/stored.ts";
import { GiB, KiB, MiB } from "../../units.ts";
import type { LinePlan, Phase, Setup } from "../engine.ts";

/** CUDA context with PyTorch's kernels: 0.3 to 0.6 GiB by device and version; the middle. */
const CONTEXT = Math.round(0.45 * GiB);
/** PyTorch's cuBLAS workspace, `:4096:2:16:8` (aten/src/ATen/cuda/CublasHandlePool.cpp); Hopper takes 32 MiB. */
const CUBLAS = 2 * 4096 * KiB + 8 * 16 * KiB;

/** What PyTorch and the driver take besides tensors, each as a line of its own. `--device-overhead` replaces the first two. */
export function overheadLines(model: Model, setup: Setup, phases: readonly Phase[]): LinePlan[] {
  const line = (
    label: string,
    size: number,
    basis: LinePlan["basis"],
    source: string,
  ): LinePlan => ({
    label,
    component: "runtime",
    kind: "overhead",
    basis,
    source,
    alive: Object.fromEntries(phases.map((phase) => [phase, { sum: [[times(size, "B")]] }])),
  });
  const fixed =
    setup.deviceOverhead !== undefined
      ? [
          line(
            "driver and libraries",
            setup.deviceOverhead,
            "measured",
            "stated by --device-overhead",
          ),
        ]
      : [
          line(
            "CUDA context",
            CONTEXT,
            "assumed",
            "0.3 to 0.6 GiB by device and driver; --device-overhead states yours",
          ),
          line(
            "cuBLAS workspace",
            CUBLAS,
            "assumed",
            "PyTorch's default, CublasHandlePool.cpp; 32 MiB on Hopper",
          ),
        ];
  return [
    ...fixed,
    line(
      "allocator segments",
      segmentWaste(model, setup),
      "rule",
      "c10/cuda/CUDACachingAllocator.cpp: weights moved tensor by tensor fill segments of 2 and 20 MiB",
    ),
  ];
}

const SMALL = 1 * MiB;
const LARGE = 10 * MiB;
const SHARED_SEGMENT = 20 * MiB;
const ROUNDING = 2 * MiB;

/**
 * What PyTorch's caching allocator reserves beyond the weights themselves: tensors over 10 MiB get a segment of their own,
 * rounded up to 2 MiB; those from 1 to 10 MiB share segments of 20 MiB, as many whole ones as fit; smaller ones are packed
 * into segments of 2 MiB in blocks of 512 B.
 */
function segmentWaste(model: Model, setup: Setup): number {
  let waste = 0;
  let small = 0;
  const shared = new Map<number, number>();
  for (const { copies, parts } of storedTensors(model.root, setup)) {
    for (const { count, size: each } of parts) {
      const size = count * each;
      if (size >= LARGE) waste += copies * (Math.ceil(size / ROUNDING) * ROUNDING - size);
      else if (size > SMALL) shared.set(size, (shared.get(size) ?? 0) + copies);
      else {
        const block = Math.ceil(size / 512) * 512;
        small += block * copies;
        waste += (block - size) * copies;
      }
    }
  }
  // What does not fill a segment of its own size shares one with others.
  let rest = 0;
  for (const [size, count] of shared) {
    const fitting = Math.floor(SHARED_SEGMENT / size);
    waste += Math.floor(count / fitting) * (SHARED_SEGMENT - fitting * size);
    rest += (count % fitting) * size;
  }
  waste += Math.ceil(rest / SHARED_SEGMENT) * SHARED_SEGMENT - rest;
  return Math.ceil(waste + Math.ceil(small / ROUNDING) * ROUNDING - small);
}
