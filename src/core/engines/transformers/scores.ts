import { type Factor, type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer } from "../engine.ts";
import { element, type Flow, half, headsHere, held, hidden, isEager } from "./flow.ts";
import { sinkScores } from "./sinks.ts";

export const keysOf = (op: AttentionOp, flow: Flow): Factor =>
  op.over === "cross" ? flow.memory : flow.keys;

export const perHead = (op: AttentionOp, heads: number, flow: Flow): Factor =>
  times(headsHere(flow, heads) * op.headDim, "wide");

/** Scores of every head: queries × keys, `bytes` each. */
export function scores(op: AttentionOp, flow: Flow, bytes: number): Product {
  return [
    ...flow.sequences,
    times(headsHere(flow, op.heads), "heads"),
    flow.queries,
    keysOf(op, flow),
    times(bytes, "B a score"),
  ];
}

/**
 * Bytes that one score takes in eager attention with an fp32 softmax: the masked scores, an fp32 copy (bf16 only: CUDA
 * fuses half → float for fp16), the fp32 softmax, and for fp16 the result beside it.
 */
export const softmaxBytes = ({ setup }: Flow): number => (setup.compute === "bf16" ? 10 : 8);

/** Bytes that one score takes at the peak of eager attention, by the style in which it is computed. */
export function scoreBytes(op: AttentionOp, flow: Flow): number {
  const one = half(flow) ? 2 : 4;
  switch (op.scores) {
    case "scaled-copy":
      return 2 * one;
    case "fp32-softmax":
      return softmaxBytes(flow);
    case "fp32-softmax-of-named":
      // For fp16 the peak comes when the result is cast back, beside the fp32 softmax.
      return softmaxBytes(flow) + (flow.setup.compute === "fp32" ? 4 : 2);
    case "plain-softmax":
      return 3 * one;
    case "fp32":
      return 8;
    default:
      return op.scores satisfies never;
  }
}

/** What eager attention holds besides its scores, by style. */
export const eagerCopies = (op: AttentionOp, flow: Flow): HeldBuffer[] => [
  ...(op.scores === "fp32" && half(flow)
    ? [
        held("queries in fp32", [
          times(2, ""),
          ...hidden(flow, headsHere(flow, op.heads) * op.headDim),
        ]),
        held("keys in fp32", [
          times(2, ""),
          ...flow.sequences,
          keysOf(op, flow),
          perHead(op, op.kvHeads, flow),
          element(flow),
        ]),
      ]
    : []),
  ...(op.returns === "to the stack"
    ? [held("weights of the layer before", scores(op, flow, half(flow) ? 2 : 4))]
    : []),
];

/** The softmax of a layer, which eager attention returns and the layer's frame keeps while its feed-forward runs. */
export function keptScores(op: AttentionOp, flow: Flow): HeldBuffer[] {
  if (!isEager(op, flow) || op.returns === "nothing") return [];
  if (op.span.kind === "chunk" && op.span.folded === "one by one") return [];
  if (op.sinks) return [held("attention weights, still referenced", sinkScores(op, flow))];
  const own = scores(op, flow, half(flow) ? 2 : 4);
  return [
    held("attention weights, still referenced", own),
    ...(op.returns === "to the stack" ? [held("weights of the layer before", own)] : []),
  ];
}
