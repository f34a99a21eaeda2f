import type { Module } from "../../tree/module.ts";
import type { AttentionOp, FeedForwardOp, NormOp, Op } from "../../tree/op.ts";
import { walk } from "../../tree/walk.ts";

/** What decides which tensors autograd saves: those that a gradient is computed from. */
export interface Learning {
  /** Bytes of an element of an activation. */
  readonly size: number;
  readonly ranks: number;
  /** Scores exist as tensors. */
  readonly eager: boolean;
  /** The model's own parameters learn; otherwise adapters beside them do. */
  readonly full: boolean;
  /** Rank of the adapter on this linear layer; undefined: none. */
  readonly rank: (linear: Module) => number | undefined;
}

/** Bytes that a module keeps for the way back. */
export interface Kept {
  /** For every position that runs. */
  readonly position: number;
  /** For every encoder position that cross-attention reads. */
  readonly memory: number;
  /** For every pair of positions, and of a position and an encoder position. */
  readonly pair: number;
  readonly memoryPair: number;
  /** The same, once for all sequences. */
  readonly table: number;
  readonly memoryTable: number;
}

export const NOTHING: Kept = {
  position: 0,
  memory: 0,
  pair: 0,
  memoryPair: 0,
  table: 0,
  memoryTable: 0,
};

export const plus = (a: Kept, b: Partial<Kept>, copies = 1): Kept => ({
  position: a.position + copies * (b.position ?? 0),
  memory: a.memory + copies * (b.memory ?? 0),
  pair: a.pair + copies * (b.pair ?? 0),
  memoryPair: a.memoryPair + copies * (b.memoryPair ?? 0),
  table: a.table + copies * (b.table ?? 0),
  memoryTable: a.memoryTable + copies * (b.memoryTable ?? 0),
});

const FP32 = 4;

/** Everything in a module: what each brick keeps, and what the adapters on its linear layers do. */
export function keptIn(module: Module, learning: Learning): Kept {
  let sum = NOTHING;
  walk({ ...module, indices: [[0, 0]] }, (each, { copies }) => {
    sum = plus(sum, own(each, learning), copies);
  });
  return plus(sum, dropout(module, learning));
}

/** A mask of a byte for every value that passes a dropout; scores, and what a rectifier gave, are copied. */
function dropout({ op, ...layer }: Module, { size, ranks, eager }: Learning): Partial<Kept> {
  if (op?.kind !== "layer" || op.dropout === undefined) return {};
  const { hidden, inner, scores } = op.dropout;
  let kept: Kept = { ...NOTHING, position: hidden ? op.blocks.length * op.width : 0 };
  const fed = (one: FeedForwardOp): number =>
    Math.ceil(one.inner / ranks) * (1 + (one.gradient === "relu" ? size : 0));
  if (inner)
    for (const { run } of op.blocks)
      if (typeof run !== "string") kept = plus(kept, { position: fed(run) });
  walk({ ...layer, indices: [[0, 0]] }, ({ op: each }) => {
    if (inner && each?.kind === "feed-forward") kept = plus(kept, { position: fed(each) });
    if (!scores || each?.kind !== "attention" || !(eager || each.always === "eager")) return;
    const bytes = Math.ceil(each.heads / ranks) * (1 + size);
    kept = plus(kept, each.over === "cross" ? { memoryPair: bytes } : { pair: bytes });
  });
  return kept;
}

function own(module: Module, learning: Learning): Partial<Kept> {
  const { op } = module;
  switch (op?.kind) {
    case "norm":
      return { position: norm(op, learning) };
    case "linear":
      return op.reads === "memory"
        ? { memory: adapter(module, learning) }
        : { position: adapter(module, learning) };
    case "attention":
      return attention(op, learning);
    case "feed-forward":
      return { position: feedForward(op, learning) };
    case "experts":
      return { position: experts(op, learning) };
    case "layer":
      return op.blocks.reduce<Kept>(
        (sum, { run }) =>
          typeof run === "string" ? sum : plus(sum, { position: feedForward(run, learning) }),
        NOTHING,
      );
    default:
      return {};
  }
}

/**
 * A layer norm keeps its input and the statistics. An RMS norm that is written out in fp32 keeps an fp32 copy of its input
 * and the inverse root, and for its weight's gradient what that is multiplied by.
 */
export function norm(
  { width, keeps = "input", vectors = 1 }: NormOp,
  { size, full }: Learning,
): number {
  const values = width * vectors;
  switch (keeps) {
    case "input":
      return values * size + 2 * FP32 * vectors;
    case "fp32":
      return values * (FP32 + (full ? size : 0)) + FP32 * vectors;
    case "fp32-twice":
      return values * (FP32 + (full ? FP32 : 0)) + FP32 * vectors;
    case "input-and-fp32":
      return values * (FP32 + (size === FP32 ? 0 : size) + (full ? size : 0)) + FP32 * vectors;
    default:
      return keeps satisfies never;
  }
}

/** PEFT casts a layer's input to the adapter's dtype, fp32, for each adapter anew; A's result is B's input. */
function adapter(linear: Module, { size, rank }: Learning): number {
  const own = rank(linear);
  const inputs = linear.tensors.find(({ name }) => name === "weight")?.shape[1];
  if (own === undefined || inputs === undefined) return 0;
  // In fp32 there is no cast; inputs that several layers share are then one, which is left aside.
  return (size === FP32 ? 0 : FP32 * inputs) + FP32 * own;
}

/** Input, queries, keys, values and what comes out; a flash kernel keeps a sum for every query, plain steps the scores. */
function attention(op: AttentionOp, { size, ranks, eager, full }: Learning): Partial<Kept> {
  const heads = Math.ceil(op.heads / ranks);
  const groups = Math.ceil(op.kvHeads / ranks);
  const plain = op.always === "eager" || (eager && op.always === undefined);
  // Neither plain steps nor the fp32 kernels know groups of heads.
  const repeated = plain || size === FP32 ? heads : groups;
  const source = repeated * (op.headDim + op.valueDim) * size;
  const out = heads * op.valueDim * size;
  const math = !plain && size === FP32 && heads !== groups;
  const position =
    (full || size === FP32 ? op.width * size : 0) +
    heads * op.headDim * size +
    (plain ? (full || size === FP32 ? out : 0) : out + FP32 * heads) +
    (op.contiguous && !plain && size !== FP32 && full ? out : 0);
  const score = plain
    ? heads * (op.scores === "fp32-softmax" ? FP32 + (size === FP32 ? 0 : size) : size)
    : math
      ? heads * FP32
      : 0;
  // Attention to the encoder and to the past adds its mask to the bias anew in every layer; both ways there is one for all.
  const bias = op.relative?.kind === "bias" && !plain && op.span.kind !== "full" ? heads * size : 0;
  const zeros = op.relative?.kind === "bias" && !plain ? heads * size : 0;
  return op.over === "cross"
    ? { position, memory: source, memoryPair: score, memoryTable: zeros }
    : { position: position + source, pair: score, table: bias };
}

/** Input, what goes into the activation and what comes out; of a gated one also the other half and the product. */
function feedForward(op: FeedForwardOp, { size, ranks, full }: Learning): number {
  const inner = Math.ceil(op.inner / ranks) * size;
  const needed = full || size === FP32;
  const before = op.gradient === "relu" ? 0 : op.gradient === "written-out" ? 4 : 1;
  const kept = op.gated ? before + 2 + (needed ? 1 : 0) : before + (needed || before === 0 ? 1 : 0);
  return (needed ? op.width * size : 0) + kept * inner;
}

/** A token's copies for its experts, gate and value, the activation, their product, and what comes out (to be weighted). */
function experts(op: Extract<Op, { kind: "experts" }>, { size, ranks, full }: Learning): number {
  const inner = Math.ceil(op.inner / ranks);
  const each = full ? 2 * op.width + 4 * inner : op.width + 3 * inner;
  return (full ? op.width * size : 0) + op.perToken * each * size;
}
