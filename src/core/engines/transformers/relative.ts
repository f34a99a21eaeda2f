import { type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { element, type Flow, half, headsHere, held, hidden, isEager } from "./flow.ts";

/** Entries of a bias for every head, query and key; no sequence has one of its own. */
const tableOf = (op: AttentionOp, flow: Flow): Product => [
  times(headsHere(flow, op.heads), "heads"),
  flow.queries,
  op.over === "cross" ? flow.memory : flow.keys,
  element(flow),
];

/** The memory-efficient kernel wants a mask whose rows are aligned to this many elements (PyTorch, `pad_bias`). */
const ALIGNMENT = 8;

/** What the frame of a tower keeps for all its layers: tables that one layer makes and the others use. */
export function sharedPositions(op: AttentionOp, flow: Flow): HeldBuffer[] {
  if (op.relative?.kind === "bias") return [held("relative bias of every head", tableOf(op, flow))];
  if (op.relative?.kind === "gated-bias")
    return [
      held("relative bias of every head and sequence", [...flow.sequences, ...tableOf(op, flow)]),
    ];
  if (op.relative?.kind === "keys" && op.relative.shared) return [vectors(op, flow)];
  return [];
}

/** A vector for every query and key. */
const vectors = (op: AttentionOp, flow: Flow): HeldBuffer =>
  held("vectors of relative positions", [
    flow.queries,
    flow.keys,
    times(op.headDim, "head_dim"),
    element(flow),
  ]);

/** Attention with relative positions: `own` are queries, keys and values, `one` is a buffer of scores. */
export function relativeMoments(
  op: AttentionOp,
  flow: Flow,
  own: readonly HeldBuffer[],
  one: Product,
): Moment[] {
  const scores = (label: string): HeldBuffer => held(label, one);
  const output = held("attention output", hidden(flow, headsHere(flow, op.heads) * op.headDim));
  const at = (name: string, ...buffers: HeldBuffer[]): Moment => ({
    at: name,
    buffers: [...own, ...buffers],
  });
  switch (op.relative?.kind) {
    case "bias": {
      if (isEager(op, flow)) return [at("", scores("scores"), scores("scores with their bias"))];
      const table = tableOf(op, flow);
      const padding: Product = [
        times(headsHere(flow, op.heads), "heads"),
        flow.queries,
        times(ALIGNMENT, "aligned"),
        element(flow),
      ];
      return [at("", held("bias, copied", table), held("its padding", padding), output)];
    }
    case "gated-bias":
      return [at("", scores("gated bias"), scores("scores with it"), scores("softmax"))];
    case "keys": {
      const sums = [scores("scores"), scores("scores of positions")];
      if (op.always === "math") return blockwise(op, flow, own, one);
      if (op.relative.shared) return [at("", ...sums, scores("softmax"))];
      const distances = held("distances", [flow.queries, flow.keys, times(8, "B int64")]);
      const looked = at("positions", vectors(op, flow), distances, ...sums);
      if (op.relative.masked) {
        const inside = [vectors(op, flow), distances, scores("scaled scores of positions")];
        const masked = [...inside, scores("scores of positions"), scores("with their mask")];
        if (isEager(op, flow)) return [at("", ...inside, ...sums, scores("scaled scores"))];
        return [at("", ...masked, scores("aligned copy of the mask"), output)];
      }
      if (isEager(op, flow)) return [looked, at("", ...sums, scores("scores with their bias"))];
      return [looked, at("", scores("scores of positions"), output)];
    }
    case "sines": {
      const distances: Product = [times(2, ""), ...one];
      const width = headsHere(flow, op.heads) * op.headDim;
      return [
        at(
          "shift",
          held("queries with their bias", hidden(flow, width)),
          held("projected sines", [
            times(2, ""),
            flow.queries,
            times(width, "wide"),
            element(flow),
          ]),
          held("scores of distances", distances),
          held("padded by one", distances),
        ),
        ...(isEager(op, flow)
          ? [at("", scores("scores of positions"), scores("scores"), scores("their sum"))]
          : [at("", scores("scores of positions"), output, ...(half(flow) ? [output] : []))]),
      ];
    }
    default:
      return [];
  }
}

/**
 * Blocks through SDPA's plain kernel, which computes in fp32: copies of queries, keys and values, scaled ones of the
 * first two, and those again in the order that a product wants.
 */
function blockwise(
  op: AttentionOp,
  flow: Flow,
  own: readonly HeldBuffer[],
  one: Product,
): Moment[] {
  const wide = times(headsHere(flow, op.heads) * op.headDim, "wide");
  const fp32 = (label: string, count: number): HeldBuffer =>
    held(label, [times(count, ""), ...flow.sequences, flow.queries, wide, times(4, "B fp32")]);
  const scores = (bytes: number): HeldBuffer =>
    held("scores in fp32", [...one.slice(0, -1), times(bytes, "B a score")]);
  const frame = [
    ...own,
    vectors(op, flow),
    held("scores of positions", one),
    ...(half(flow) ? [fp32("copies of queries, keys and values", 3)] : []),
  ];
  return [
    { at: "scores", buffers: [...frame, fp32("scaled queries and keys, twice", 4), scores(4)] },
    { at: "softmax", buffers: [...frame, scores(9), fp32("output", 1)] },
  ];
}
