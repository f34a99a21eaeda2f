import { type Factor, type Product, times } from "../../quantity/product.ts";
import { countOf } from "../../tree/indices.ts";
import type { Module } from "../../tree/module.ts";
import type { FeatureMap } from "../../tree/op.ts";
import { walk } from "../../tree/walk.ts";
import type { Tower } from "../transformers/tower.ts";
import { type Kept, keptIn, type Learning, NOTHING, norm, plus } from "./kept.ts";

/** What a tower keeps for the way back, as formulas. */
export interface TowerKept {
  /** Everything, or with checkpointing the layers' inputs and what lies outside the layers. */
  readonly all: readonly Product[];
  /** One layer's tensors (of the kind that keeps most): with checkpointing they are there while it runs again. */
  readonly layer: readonly Product[];
  /** The same of a front end's first convolution, where those are checkpointed too. */
  readonly front: readonly Product[];
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
  const rest = plus(outside, {
    position: rotary(tower, learning),
    memory: read(tower, learning),
    table: distances(tower, learning),
  });
  // Checkpointing makes the model's input need a gradient (`enable_input_require_grads`), so that one flows through the front end.
  const entry =
    tower.op.entry && (learning.full || checkpointing || tower.op.entry.alwaysLearns)
      ? entryKept(tower.op.entry, lengths, learning, checkpointing)
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
    front:
      checkpointing && tower.op.entry?.checkpointed
        ? maps(
            tower.op.entry.keeps?.filter(({ steps }) => steps.length === 1) ?? [],
            lengths,
            learning,
          )
        : [],
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

/** Relative positions, looked up once for all layers: their 8-byte indices, and the bias where no layer adds a mask to it. */
function distances({ module }: Tower, { size, ranks, eager, full }: Learning): number {
  let bytes = 0;
  walk(module, ({ op }) => {
    if (op?.kind !== "attention" || op.relative?.kind !== "bias" || op.over === "cross") return;
    const bias = op.span.kind === "full" && !eager ? Math.ceil(op.heads / ranks) * size : 0;
    bytes = bias + (full ? 8 : 0);
  });
  return bytes;
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
    ...(kept.table > 0 ? [[positions, positions, size(kept.table)]] : []),
    ...(kept.memoryTable > 0 ? [[positions, memory, size(kept.memoryTable)]] : []),
    ...(kept.memoryPair > 0 ? [[...sequences, positions, memory, size(kept.memoryPair)]] : []),
  ];
}

const isOutput = ({ label }: FeatureMap): boolean => label === "activation";

/** A front end's convolutions: what comes out of each and of its activation; the last one's becomes the first hidden state. */
function entryKept(
  op: NonNullable<Tower["op"]["entry"]>,
  lengths: Lengths,
  learning: Learning,
  checkpointing: boolean,
): Product[] {
  const { sequences, positions } = lengths;
  const { size } = learning;
  const kept = checkpointing && op.checkpointed ? op.keeps?.filter(isOutput) : op.keeps;
  const moments = kept ?? op.moments?.flat();
  if (moments) return maps(moments, lengths, learning);
  const total = op.strides.reduce((product, stride) => product * stride, 1);
  let passed = 1;
  return op.strides.map((stride, i) => {
    passed *= stride;
    const kept = (i === op.strides.length - 1 ? 1 : 2) * op.width * size;
    return [...sequences, positions, times((total / passed) * kept, "B kept")];
  });
}

const maps = (
  features: readonly FeatureMap[],
  { sequences, raw }: Lengths,
  { size }: Learning,
): Product[] =>
  features
    .filter(({ only }) => only === undefined || size === 2)
    .map(({ steps, width, bytes: own }) => [
      ...sequences,
      { ...raw, label: "positions", through: steps },
      times(width * (own ?? size), "B kept"),
    ]);
