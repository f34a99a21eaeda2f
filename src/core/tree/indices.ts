/** The positions of a stack's copies as closed ranges in rising order: `[[0, 2], [4, 6]]` prints as `{0-2,4-6}`. */
export type Indices = readonly (readonly [first: number, last: number])[];

/** 0 … n − 1. */
export const upTo = (n: number): Indices => (n > 0 ? [[0, n - 1]] : []);

/** The numbers (rising) as ranges. */
export function ranges(numbers: readonly number[]): Indices {
  const out: [number, number][] = [];
  for (const n of numbers) {
    const last = out.at(-1);
    if (last && last[1] === n - 1) last[1] = n;
    else out.push([n, n]);
  }
  return out;
}

/** Those of 0 … n − 1 that `keep` holds for, as ranges. */
export function those(n: number, keep: (index: number) => boolean): Indices {
  return ranges(Array.from({ length: n }, (_, i) => i).filter(keep));
}

/** The positions that are in both. */
export function inBoth(one: Indices, other: Indices): Indices {
  const out: [number, number][] = [];
  for (let i = 0, j = 0; i < one.length && j < other.length; ) {
    const [a, b] = one[i] ?? [0, -1];
    const [c, d] = other[j] ?? [0, -1];
    if (Math.max(a, c) <= Math.min(b, d)) out.push([Math.max(a, c), Math.min(b, d)]);
    if (b < d) i += 1;
    else j += 1;
  }
  return out;
}

export function countOf(indices: Indices): number {
  let count = 0;
  for (const [first, last] of indices) count += last - first + 1;
  return count;
}

/** `{0-31}`, or a bare number where there is only one. */
export function printIndices(indices: Indices): string {
  const [only] = indices;
  if (indices.length === 1 && only && only[0] === only[1]) return String(only[0]);
  return `{${indices.map(([a, b]) => (a === b ? String(a) : `${a}-${b}`)).join(",")}}`;
}

/** 0 … n − 1 sorted by what `key` says of each, in order of first appearance: layers of one kind are one stack. */
export function groups<K>(
  n: number,
  key: (index: number) => K,
): readonly (readonly [K, Indices])[] {
  const found = new Map<K, number[]>();
  for (let index = 0; index < n; index++) {
    const kind = key(index);
    const list = found.get(kind);
    if (list) list.push(index);
    else found.set(kind, [index]);
  }
  return [...found].map(([kind, list]) => [kind, ranges(list)] as const);
}
