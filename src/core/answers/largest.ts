/**
 * The largest whole number from `low` to `high` for which `holds` is true, if it is true up to some number and false
 * beyond; undefined where it is false at `low` already. Doubles first, so that small answers are cheap.
 */
export function largest(
  low: number,
  high: number,
  holds: (n: number) => boolean,
): number | undefined {
  if (high < low || !holds(low)) return undefined;
  let good = low;
  let bad = high + 1;
  for (let step = 1; good + step < bad; step *= 2) {
    if (holds(good + step)) good += step;
    else {
      bad = good + step;
      break;
    }
  }
  while (bad - good > 1) {
    const middle = good + Math.floor((bad - good) / 2);
    if (holds(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
