import type { Module } from "../tree/module.ts";

/** Numbers of devices that people share a model over. */
const RANKS = [1, 2, 4, 8, 16];

/**
 * Those of 1, 2, 4, 8, 16 that divide the heads of every attention that is cut: engines refuse others (vLLM:
 * "Total number of attention heads must be divisible by tensor parallel size"). What a server runs whole does not count.
 */
export function ranksThatDivide(root: Module): readonly number[] {
  const heads = new Set<number>();
  collect(root, heads);
  return RANKS.filter((ranks) => [...heads].every((count) => count % ranks === 0));
}

function collect({ op, children }: Module, heads: Set<number>): void {
  if (op?.kind === "tower" && op.servedWhole) return;
  if (op?.kind === "attention") heads.add(op.heads);
  for (const child of children) collect(child, heads);
}
