import { follow, type Step } from "../step.ts";
import { AXES, type AxisValues } from "./axis.ts";
import type { Polynomial } from "./polynomial.ts";

/** Axes by number, and each monomial's factors one after the other: what a million evaluations want. */
export interface Compiled {
  readonly coefficients: readonly number[];
  /** For each monomial, where its factors end in the lists below. */
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly atMost: readonly number[];
  readonly per: readonly number[];
  /** A chain that the length goes through first, where there is one. */
  readonly through: readonly (readonly Step[] | undefined)[];
}

export function compiled(terms: Polynomial): Compiled {
  const slots = terms.flatMap((term) => term.slots);
  let end = 0;
  return {
    coefficients: terms.map(({ coefficient }) => coefficient),
    ends: terms.map((term) => {
      end += term.slots.length;
      return end;
    }),
    axes: slots.map(({ axis }) => AXES.indexOf(axis)),
    atMost: slots.map(({ atMost }) => atMost),
    per: slots.map(({ per }) => per),
    through: slots.map(({ through }) => through),
  };
}

/** The lengths in the order of {@link AXES}; `into` is filled anew. */
export function lengthsInto(into: Float64Array, values: AxisValues): void {
  for (let i = 0; i < AXES.length; i++) into[i] = values[AXES[i] as (typeof AXES)[number]];
}

export function evaluateCompiled(formula: Compiled, lengths: Float64Array): number {
  const { coefficients, ends, axes, atMost, per, through } = formula;
  let sum = 0;
  let slot = 0;
  for (let i = 0; i < coefficients.length; i++) {
    let product = coefficients[i] as number;
    for (const end = ends[i] as number; slot < end; slot++) {
      const length = lengths[axes[slot] as number] as number;
      const chain = through[slot];
      const value = chain ? follow(chain, length) : length;
      const limit = atMost[slot] as number;
      const kept = value < limit ? value : limit;
      const size = per[slot] as number;
      product *= size > 0 ? Math.ceil(kept / size) : kept;
    }
    sum += product;
  }
  return sum;
}
