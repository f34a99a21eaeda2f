import { follow, type Step } from "../step.ts";
import { grouped } from "../units.ts";
import type { Axis, AxisValues } from "./axis.ts";

/** One factor of a formula: a fixed number or an axis, and the word that it is printed with. */
export interface Factor {
  readonly of: number | Axis;
  readonly label: string;
  /** The axis counts no further than this (sliding windows). */
  readonly atMost?: number;
  /** The axis is counted in blocks of this many, the last one rounded up. */
  readonly per?: number;
  /** What these steps leave of it: the length after a convolution. */
  readonly through?: readonly Step[];
}

/** A product of labelled factors, for instance `32 layers × 2 × 20 heads × 64 × 448 positions × 2 B`. */
export type Product = readonly Factor[];

export const times = (of: number | Axis, label: string, atMost?: number): Factor =>
  atMost === undefined ? { of, label } : { of, label, atMost };

export function factorValue(factor: Factor, values: AxisValues): number {
  const length = typeof factor.of === "number" ? factor.of : values[factor.of];
  const passed = factor.through ? follow(factor.through, length) : length;
  return limited(passed, factor.atMost, factor.per);
}

export function limited(length: number, atMost?: number, per?: number): number {
  const kept = atMost === undefined ? length : Math.min(length, atMost);
  return per === undefined ? kept : Math.ceil(kept / per);
}

export function evaluate(product: Product, values: AxisValues): number {
  let result = 1;
  for (const factor of product) result *= factorValue(factor, values);
  return result;
}

/** The formula with its numbers filled in; factors of one are left out unless nothing else remains. */
export function printProduct(product: Product, values: AxisValues): string {
  const parts = product
    .filter((factor) => factorValue(factor, values) !== 1)
    .map((factor) => {
      const value = grouped(factorValue(factor, values));
      return factor.label === "" ? value : `${value} ${factor.label}`;
    });
  return parts.length > 0 ? parts.join(" × ") : "1";
}

export function printSum(sum: readonly Product[], values: AxisValues): string {
  return sum
    .filter((product) => evaluate(product, values) !== 0)
    .map((product) => printProduct(product, values))
    .join(" + ");
}
