import type { Step } from "../step.ts";
import { AXES, type Axis } from "./axis.ts";
import { limited, type Product } from "./product.ts";

/**
 * A sum of products with everything multiplied out: coefficient × axis × axis …, ready for fast evaluation and for
 * comparison with another one.
 */
export type Polynomial = readonly Monomial[];
interface Monomial {
  readonly key: string;
  readonly coefficient: number;
  readonly slots: readonly Slot[];
}
interface Slot {
  readonly axis: Axis;
  readonly atMost: number;
  readonly per: number;
  readonly through: readonly Step[] | undefined;
}

export function polynomial(sum: readonly Product[]): Polynomial {
  const byKey = new Map<string, Monomial>();
  for (const product of sum) {
    let coefficient = 1;
    const slots: Slot[] = [];
    for (const { of, atMost = Number.POSITIVE_INFINITY, per = 0, through } of product) {
      if (typeof of === "number") coefficient *= limited(of, atMost, per || undefined);
      else slots.push({ axis: of, atMost, per, through });
    }
    slots.sort(
      (a, b) => AXES.indexOf(a.axis) - AXES.indexOf(b.axis) || a.atMost - b.atMost || a.per - b.per,
    );
    const key = slots
      .map(
        ({ axis, atMost, per, through }) =>
          `${axis}<${atMost}/${per}${through ? JSON.stringify(through) : ""}`,
      )
      .join("*");
    const before = byKey.get(key)?.coefficient ?? 0;
    byKey.set(key, { key, coefficient: before + coefficient, slots });
  }
  return [...byKey.values()].filter((monomial) => monomial.coefficient !== 0);
}

/** Whether `a` is at least `b` whatever the axes are (all of them at least 0): coefficient by coefficient. */
export function dominates(a: Polynomial, b: Polynomial): boolean {
  const mine = new Map(a.map((term) => [term.key, term.coefficient]));
  return (
    b.every((term) => (mine.get(term.key) ?? 0) >= term.coefficient) &&
    a.every((term) => term.coefficient >= 0 || b.some((other) => other.key === term.key))
  );
}
