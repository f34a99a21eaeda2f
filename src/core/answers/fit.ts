import { InputError } from "../errors.ts";
import { type EstimateOptions, estimate } from "../estimate.ts";
import type { Gpus } from "../hardware/index.ts";
import type { Model } from "../model.ts";
import type { MemoryReport } from "../report/memory-report.ts";
import { type Bytes, bytes } from "../units.ts";
import { type Change, changes } from "./changes.ts";
import { type Margin, NO_MARGIN } from "./margin.ts";
import { ranksThatDivide } from "./ranks.ts";
import { NOT_HAD, unlessRefused } from "./refused.ts";
import { type Outcome, onDevices, runner } from "./runner.ts";

/** tight: it fits if what is only assumed or measured is no more than taken; less is left than that comes to. */
export type Verdict = "fits" | "tight" | "does not fit";

export interface Fit extends Outcome {
  readonly gpu: Gpus;
  readonly verdict: Verdict;
  /** The part of the need whose lines are assumed or measured, neither counted nor ruled. */
  readonly uncertainBytes: Bytes;
}

export interface FitOptions extends EstimateOptions {
  readonly margin?: Margin;
}

/** Whether a workload runs on a device (or several that share the model). @throws InputError as `estimate` does. */
export function fitOn(model: Model, options: FitOptions, gpu: Gpus): Fit {
  const { margin = NO_MARGIN, ...rest } = options;
  const outcome = runner(model, rest, gpu, margin).outcome(rest);
  const uncertainBytes = uncertain(estimate(model, onDevices(rest, gpu)));
  return {
    gpu,
    verdict: !outcome.fits
      ? "does not fit"
      : outcome.headroomBytes < uncertainBytes
        ? "tight"
        : "fits",
    uncertainBytes,
    ...outcome,
  };
}

function uncertain({ ledger, peakPhase }: MemoryReport): Bytes {
  let sum = 0;
  for (const { basis, alive } of ledger.lines)
    if (basis === "assumed" || basis === "measured") sum += alive[peakPhase] ?? 0;
  return bytes(sum);
}

/** The verdict for one device, and what makes it fit where it does not. */
export function fitWithChanges(
  model: Model,
  options: FitOptions,
  gpu: Gpus,
): { readonly fit: Fit; readonly changes: readonly Change[] } {
  const { margin = NO_MARGIN, ...rest } = options;
  const said = fitOn(model, options, gpu);
  return {
    fit: said,
    changes: said.verdict === "does not fit" ? changes(model, rest, gpu, margin) : [],
  };
}

export interface DeviceFit {
  /** On one of it. */
  readonly fit: Fit;
  /** The fewest that hold the model together, of the numbers that its heads divide by; null: none tried. */
  readonly fewest: Fit | null;
}

/** Every device of a list, the least memory first. */
export function fitAll(
  model: Model,
  options: FitOptions,
  gpus: readonly Gpus[],
): readonly DeviceFit[] {
  const counts =
    options.tensorParallelSize === undefined
      ? ranksThatDivide(model.root)
      : [options.tensorParallelSize];
  return gpus
    .toSorted((a, b) => a.usableBytes - b.usableBytes)
    .map((gpu) => {
      const [least = 1, ...more] = counts;
      const first = fitOn(model, options, { ...gpu, count: least });
      if (first.fits) return { fit: first, fewest: first };
      for (const count of more) {
        const said = unlessRefused(NOT_HAD, () => fitOn(model, options, { ...gpu, count }));
        if (!(said instanceof InputError) && said.fits) return { fit: first, fewest: said };
      }
      return { fit: first, fewest: null };
    });
}
