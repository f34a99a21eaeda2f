import {
  type Amount,
  type Basis,
  holds,
  type Kind,
  type LinePlan,
  type Moment,
  type Phase,
} from "../engines/engine.ts";
import type { AxisValues } from "../quantity/axis.ts";
import { evaluate, type Product, printProduct, printSum } from "../quantity/product.ts";
import type { Component } from "../tree/module.ts";
import { type Bytes, bytes } from "../units.ts";

/** One thing that takes memory: how much, when, why, and how that is known. */
export interface Line {
  readonly label: string;
  readonly component: Component | "runtime";
  readonly kind: Kind;
  /** The most that it takes in any phase. */
  readonly bytes: Bytes;
  /** What it takes in each phase in which it is alive. */
  readonly alive: Readonly<Partial<Record<Phase, Bytes>>>;
  readonly basis: Basis;
  /** The formula with its numbers filled in, for the phase in which it is largest. */
  readonly formula: string;
  readonly source: string;
}

/** Everything that takes memory. Every total is a sum over these lines. */
export interface Ledger {
  readonly lines: readonly Line[];
}

/** @param phases those of the run: a line that lives in no other one is left out. */
export function writeLedger(
  plans: readonly LinePlan[],
  values: AxisValues,
  phases: readonly Phase[],
): Ledger {
  const lines = plans.map((plan) => writeLine(plan, values, phases));
  return { lines: lines.filter((line) => line.bytes > 0) };
}

function writeLine(plan: LinePlan, values: AxisValues, phases: readonly Phase[]): Line {
  const { label, component, kind, basis, source } = plan;
  const alive: Partial<Record<Phase, Bytes>> = {};
  let most: Amount | undefined;
  let bytesAtMost = bytes(0);
  for (const [phase, amount] of Object.entries(plan.alive) as [Phase, Amount][]) {
    if (!phases.includes(phase)) continue;
    const size = amountOf(amount, values);
    alive[phase] = size;
    if (most === undefined || size > bytesAtMost) [most, bytesAtMost] = [amount, size];
  }
  return {
    label,
    component,
    kind,
    bytes: bytesAtMost,
    alive,
    basis,
    formula: most ? print(most, values) : "0",
    source,
  };
}

export function amountOf(amount: Amount, values: AxisValues): Bytes {
  if ("sum" in amount) return bytes(sumOf(amount.sum, values));
  const peak = peakMoment(amount.peakOf, values);
  return peak ? bytes(sumOf(sizes(peak), values)) : bytes(0);
}

function print(amount: Amount, values: AxisValues): string {
  if ("sum" in amount) return printSum(amount.sum, values);
  const peak = peakMoment(amount.peakOf, values);
  if (!peak) return "0";
  const parts = peak.buffers
    .filter(({ size }) => evaluate(size, values) > 0)
    .map(({ label, size }) => `${label} ${printProduct(size, values)}`);
  return `at ${peak.at}: ${parts.join(" + ")}`;
}

function peakMoment(moments: readonly Moment[], values: AxisValues): Moment | undefined {
  let peak: Moment | undefined;
  let most = -1;
  for (const moment of moments) {
    if (!holds(moment.when, values)) continue;
    const size = sumOf(sizes(moment), values);
    if (size > most) [peak, most] = [moment, size];
  }
  return peak;
}

const sizes = (moment: Moment): readonly Product[] => moment.buffers.map(({ size }) => size);

function sumOf(sum: readonly Product[], values: AxisValues): number {
  let total = 0;
  for (const product of sum) total += evaluate(product, values);
  return total;
}
