import { type Factor, type Product, times } from "../../quantity/product.ts";
import { countOf } from "../../tree/indices.ts";
import type { Module } from "../../tree/module.ts";
import { walk } from "../../tree/walk.ts";
import type { Tower } from "../transformers/tower.ts";
import { type Kept, keptIn, type Learning, NOTHING, norm, plus } from "./kept.ts";

/** What a tower keeps for the way back, as formulas. */
export interface TowerKept {
  /** Everything, or with checkpointing the layers' inputs and what lies outside the layers. */
  readonly all: readonly Product[];
  /** One layer's tensors (of the kind that keeps most): with checkpointing they are there while it runs again. */
  readonly layer: readonly Product[];
}

interface Sums {
  readonly layers: Kept;
  readonly largest: Kept;
  /** Bytes of all layers' inputs, for every position. */
  readonly inputs: number;
  readonly outside: Kept;
}

export function towerKept(tower: Tower, learning: Learning, checkpointing: boolean): TowerKept {
  const { layers, largest, inputs, outside } = sumsOf(tower.module, learning);
  const lengths = lengthsOf(tower);
  const rest = plus(outside, { position: rotary(tower, learning), memory: read(tower, learning) });
  // Checkpointing makes the model's input need a gradient (`enable_input_require_grads`), so that one flows through the front end.
  const entry =
    tower.op.entry && (learning.full || checkpointing)
      ? entryKept(tower.op.entry, lengths, learning)
      : [];
  return {
    all: [
      ...entry,
      ...bytes(
        checkpointing ? { ...rest, position: rest.position + inputs } : plus(rest, layers),
        lengths,
      ),
    ],
    layer: bytes(largest, lengths),
  };
}

/** Cosines and sines, made once for all layers and sequences; counted for every sequence. */
const rotary = ({ op }: Tower, { size }: Learning): number => 2 * (op.rotary ?? 0) * size;

/** The encoder's output, which all layers of a decoder read. */
function read({ module }: Tower, { size, full }: Learning): number {
  let width = 0;
  walk(module, ({ op, children }) => {
    if (op?.kind !== "attention" || op.over !== "cross") return;
    for (const { op: child, tensors } of children)
      if (child?.kind === "linear" && child.reads === "memory")
        width = tensors.find(({ name }) => name === "weight")?.shape[1] ?? width;
  });
  return full || size === 4 ? width * size : 0;
}

/** Walks a tower's own modules down to its layers; towers inside it count for themselves. */
function sumsOf(tower: Module, learning: Learning): Sums {
  let layers = NOTHING;
  let largest = NOTHING;
  let outside = NOTHING;
  let inputs = 0;
  const visit = (module: Module, copies: number): void => {
    const { op } = module;
    if (op?.kind === "tower" && module !== tower) return;
    const here = copies * (module.indices && module !== tower ? countOf(module.indices) : 1);
    if (op?.kind === "layer") {
      const kept = keptIn(module, learning);
      layers = plus(layers, kept, here);
      if (kept.position >= largest.position) largest = kept;
      inputs += here * op.width * learning.size;
      return;
    }
    if (op?.kind === "norm") outside = plus(outside, { position: norm(op, learning) }, here);
    for (const child of module.children) visit(child, here);
  };
  visit(tower, 1);
  return { layers, largest, inputs, outside };
}

interface Lengths {
  readonly sequences: Product;
  readonly positions: Factor;
  readonly memory: Factor;
  readonly raw: Factor;
}

function lengthsOf({ op }: Tower): Lengths {
  const batch = times("batch", "sequences");
  const memory = times("memory", "encoder positions");
  const raw = times("frames", "frames");
  if (op.side === "decoder")
    return { sequences: [batch], positions: times("context", "tokens"), memory, raw };
  const positions: Factor = op.runsOver
    ? { of: "frames", label: "positions", through: op.runsOver }
    : times("positions", "positions");
  return { sequences: [batch, times("windows", "windows")], positions, memory, raw };
}

function bytes(kept: Kept, { sequences, positions, memory }: Lengths): Product[] {
  const size = (n: number) => times(n, "B kept");
  return [
    ...(kept.position > 0 ? [[...sequences, positions, size(kept.position)]] : []),
    ...(kept.memory > 0 ? [[...sequences, memory, size(kept.memory)]] : []),
    ...(kept.pair > 0 ? [[...sequences, positions, positions, size(kept.pair)]] : []),
    ...(kept.memoryPair > 0 ? [[...sequences, positions, memory, size(kept.memoryPair)]] : []),
  ];
}

/** A front end's convolutions: what comes out of each and of its activation; the last one's becomes the first hidden state. */
function entryKept(
  op: NonNullable<Tower["op"]["entry"]>,
  { sequences, positions, raw }: Lengths,
  { size }: Learning,
): Product[] {
  if (op.moments) {
    return op.moments.flatMap((maps) =>
      maps
        .filter(({ only }) => only === undefined || size === 2)
        .map(
          ({ steps, width, bytes: own }): Product => [
            ...sequences,
            { ...raw, label: "positions", through: steps },
            times(width * (own ?? size), "B kept"),
          ],
        ),
    );
  }
  const total = op.strides.reduce((product, stride) => product * stride, 1);
  let passed = 1;
  return op.strides.map((stride, i) => {
    passed *= stride;
    const kept = (i === op.strides.length - 1 ? 1 : 2) * op.width * size;
    return [...sequences, positions, times((total / passed) * kept, "B kept")];
  });
}
