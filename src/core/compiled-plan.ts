import { type Amount, type Condition, holds, type LinePlan, type Phase } from "./engines/engine.ts";
import type { AxisValues } from "./quantity/axis.ts";
import { type Compiled, compiled, evaluateCompiled } from "./quantity/compiled.ts";
import { dominates, type Polynomial, polynomial } from "./quantity/polynomial.ts";
import type { Product } from "./quantity/product.ts";

interface Candidate {
  readonly formula: Polynomial;
  readonly when?: Condition;
}

/** Everything that is alive in one phase, ready to be asked about many lengths. */
export interface CompiledPhase {
  readonly phase: Phase;
  /** All sums of whole bytes, as one formula. */
  readonly whole: Compiled;
  /** The others, each rounded up by itself: moments of which the largest counts, sums that can end in half a byte. */
  readonly amounts: readonly (readonly {
    readonly formula: Compiled;
    readonly when?: Condition;
  }[])[];
}

export function compilePhase(plans: readonly LinePlan[], phase: Phase): CompiledPhase {
  const whole: Product[] = [];
  const others: (readonly Candidate[])[] = [];
  for (const { alive } of plans) {
    const amount = alive[phase];
    if (!amount) continue;
    const [only, ...more] = candidates(amount);
    if (!only) continue;
    if (more.length === 0 && "sum" in amount && only.formula.every(isWhole))
      whole.push(...amount.sum);
    else others.push([only, ...more]);
  }
  return {
    phase,
    whole: compiled(polynomial(whole)),
    amounts: others.map((all) =>
      all.map(({ formula, when }) => ({ formula: compiled(formula), ...(when && { when }) })),
    ),
  };
}

const isWhole = ({ coefficient }: Polynomial[number]): boolean => Number.isInteger(coefficient);

/** The formulas that can be the largest; those that another one covers whatever the lengths are dropped. */
function candidates(amount: Amount): readonly Candidate[] {
  if ("sum" in amount) return [{ formula: polynomial(amount.sum) }];
  const all = amount.peakOf.map(
    ({ buffers, when }): Candidate => ({
      formula: polynomial(buffers.map(({ size }) => size)),
      ...(when && { when }),
    }),
  );
  const covers = (a: Candidate, b: Candidate) => !a.when && dominates(a.formula, b.formula);
  return all.filter(
    (one, index) =>
      !all.some(
        (other, at) => at !== index && covers(other, one) && (!covers(one, other) || at < index),
      ),
  );
}

/** Bytes of the phase. @param lengths the same values in the order of the axes. */
export function sizeOf(
  { whole, amounts }: CompiledPhase,
  lengths: Float64Array,
  values: AxisValues,
): number {
  let total = evaluateCompiled(whole, lengths);
  for (const amount of amounts) {
    let size = 0;
    for (const { formula, when } of amount) {
      if (when && !holds(when, values)) continue;
      const one = evaluateCompiled(formula, lengths);
      if (one > size) size = one;
    }
    total += Math.ceil(size);
  }
  return total;
}
