import type { Module } from "../tree/module.ts";
import type { StoredTensor } from "./checkpoint.ts";
import { matchCheckpoint } from "./match.ts";

/** How a checkpoint's tensors and the tree's agree. `verified` of `tensors` are in both, with the same shape. */
export interface Comparison {
  /** Tensors that the checkpoint has. */
  readonly tensors: number;
  readonly verified: number;
  /** Stored in a packed form, with scales beside them: their sizes say nothing about the tree's shapes. */
  readonly quantised: number;
  /** In both, with different shapes. */
  readonly shapes: readonly ShapeDifference[];
  /** In the tree only, under the tree's names. */
  readonly missing: readonly string[];
  /** In the checkpoint only. */
  readonly unexpected: readonly string[];
}

export interface ShapeDifference {
  readonly name: string;
  readonly expected: readonly number[];
  readonly found: readonly number[];
}

/** Compares a tree with the tensors of a checkpoint. */
export function compareCheckpoint(root: Module, stored: readonly StoredTensor[]): Comparison {
  const { slots, verified, quantised, different, unexpected } = matchCheckpoint(root, stored);
  return {
    tensors: stored.length,
    verified,
    quantised,
    shapes: different.map(([{ shape }, { name, shape: found }]) => ({
      name,
      expected: shape,
      found,
    })),
    missing: slots.filter(({ filled, required }) => required && !filled).map(({ name }) => name),
    unexpected: unexpected.map(({ name }) => name),
  };
}
