import { countOf, type Indices } from "../tree/indices.ts";
import type { Module } from "../tree/module.ts";

/** A name, or the positions of a stack. */
export type Segment = string | Indices;

/** One copy of a module that stands for `copies` of them. */
export interface Copy {
  readonly name: string;
  /** Position in the outermost stack. */
  readonly layer: number;
  readonly copies: number;
}

/** Copies that are told apart by name: all positions of all stacks up to this many, else the outermost stack's. */
const MAX_NAMED = 1024;

/** The copies of a module by name; where they need not be told apart, the first one for all. */
export function copiesOf(segments: readonly Segment[], apart: boolean): readonly Copy[] {
  const total = segments.reduce((n, one) => n * (typeof one === "string" ? 1 : countOf(one)), 1);
  const depth = !apart ? 0 : total <= MAX_NAMED ? Number.POSITIVE_INFINITY : 1;
  let found: readonly (Copy & { readonly depth: number })[] = [
    { name: "", layer: 0, copies: 1, depth: 0 },
  ];
  for (const segment of segments) {
    found = found.flatMap((copy) => {
      if (typeof segment === "string") return [{ ...copy, name: joined(copy.name, segment) }];
      const at = (position: number, copies: number) => ({
        name: joined(copy.name, String(position)),
        layer: copy.depth === 0 ? position : copy.layer,
        copies,
        depth: copy.depth + 1,
      });
      if (copy.depth < depth) return positions(segment).map((one) => at(one, copy.copies));
      return [at(segment[0]?.[0] ?? 0, copy.copies * countOf(segment))];
    });
  }
  return found;
}

const joined = (path: string, segment: string): string =>
  path === "" ? segment : `${path}.${segment}`;

function positions(indices: Indices): readonly number[] {
  return indices.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, at) => first + at),
  );
}

/** Positions of the stack that `child` is one of: stacks of several kinds of layers share a name. */
export function layersOf(parent: Module, child: Module): number {
  let most = 0;
  for (const { name, indices } of parent.children) {
    if (name === child.name && indices) most = Math.max(most, (indices.at(-1)?.[1] ?? -1) + 1);
  }
  return Math.max(1, most);
}
