import { bytesOf } from "../../dtype.ts";
import { type Product, times } from "../../quantity/product.ts";
import type { Module } from "../../tree/module.ts";
import type { Op } from "../../tree/op.ts";
import { walk } from "../../tree/walk.ts";
import type { Setup } from "../engine.ts";
import type { Tower } from "../transformers/tower.ts";

/** What one layer keeps for the way back. */
interface Kept {
  /** Values for every position. */
  readonly perPosition: number;
  /** Values for every encoder position that cross-attention reads. */
  readonly perMemory: number;
  /** Scores that eager attention keeps, for every pair of positions: heads. */
  readonly pairs: number;
  readonly memoryPairs: number;
}

/**
 * Tensors that a transformer layer keeps until the way back, from the widths in the tree: each norm's input, each block's
 * input, queries, keys and values, what attention gives; of a plain feed-forward the inner values before and after the
 * activation, of a gated one the gate before and after it, the other half and their product. For GPT's widths these are
 * the 34 s·b·h bytes of Korthikanti et al. 2022 (section 4.1) less its two dropout masks; scores are kept by eager attention alone.
 */
export function keptOf(layer: Module, ranks: number): Kept {
  const kept = { perPosition: 0, perMemory: 0, pairs: 0, memoryPairs: 0 };
  const add = (op: Op): void => {
    if (op.kind === "layer") {
      kept.perPosition += op.blocks.length * op.width;
      for (const { run } of op.blocks) if (typeof run !== "string") add(run);
    } else if (op.kind === "attention") {
      const heads = Math.ceil(op.heads / ranks);
      const groups = Math.ceil(op.kvHeads / ranks);
      const source = groups * (op.headDim + op.valueDim);
      kept.perPosition += op.width + heads * (op.headDim + op.valueDim);
      if (op.over === "cross") {
        kept.perMemory += source;
        kept.memoryPairs += heads;
      } else {
        kept.perPosition += source;
        kept.pairs += heads;
      }
    } else if (op.kind === "feed-forward") {
      kept.perPosition += op.width + (op.gated ? 4 : 2) * Math.ceil(op.inner / ranks);
    } else if (op.kind === "experts") {
      kept.perPosition += op.width + op.perToken * (op.width + 4 * Math.ceil(op.inner / ranks));
    }
  };
  walk(layer, ({ op }) => {
    if (op) add(op);
  });
  return kept;
}

/** Bytes that a tower keeps, as formulas: all layers' tensors, or with checkpointing all inputs and one layer's tensors. */
export function keptBytes(tower: Tower, setup: Setup, checkpointing: boolean): Product[] {
  const size = times(bytesOf(setup.compute), `B ${setup.compute}`);
  const encoder = tower.op.side === "encoder";
  const images = tower.op.reads === "images";
  const positions = images
    ? [times("batch", "sequences"), times("tiles", "tiles"), times("patches", "patches")]
    : encoder
      ? [times("batch", "sequences"), times("windows", "windows"), times("positions", "positions")]
      : [times("batch", "sequences"), times("context", "tokens")];
  const memory = [times("batch", "sequences"), times("memory", "encoder positions")];
  const again = images
    ? times("patches", "patches")
    : encoder
      ? times("positions", "positions")
      : times("context", "tokens");
  const all: Kept = { perPosition: 0, perMemory: 0, pairs: 0, memoryPairs: 0 };
  const sum = { ...all };
  let largest = all;
  let inputs = 0;
  walk(tower.module, (module, { copies }) => {
    if (module.op?.kind !== "layer") return;
    const kept = keptOf(module, setup.tensorParallel);
    // The walk starts at the tower, which is one of its kind: copies are those of the layer in it.
    for (const key of Object.keys(sum) as (keyof Kept)[]) sum[key] += copies * kept[key];
    inputs += copies * module.op.width;
    if (kept.perPosition >= largest.perPosition) largest = kept;
  });
  const { perPosition, perMemory, pairs, memoryPairs } = checkpointing ? largest : sum;
  const scores = setup.attention === "eager";
  return [
    ...(checkpointing && inputs > 0
      ? [[...positions, times(inputs, "wide inputs of all layers"), size]]
      : []),
    ...(perPosition > 0 ? [[...positions, times(perPosition, "values kept"), size]] : []),
    ...(perMemory > 0 ? [[...memory, times(perMemory, "keys and values kept"), size]] : []),
    ...(scores && pairs > 0 ? [[...positions, again, times(pairs, "heads"), size]] : []),
    ...(scores && memoryPairs > 0
      ? [[...positions, times("memory", "encoder positions"), times(memoryPairs, "heads"), size]]
      : []),
  ];
}
