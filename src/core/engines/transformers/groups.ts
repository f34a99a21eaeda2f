import { type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { element, type Flow, half, headsHere, held, hidden } from "./flow.ts";
import { keysOf, perHead, scores } from "./scores.ts";

/** The widest head that the flash kernel takes, and up to which transformers leaves groups to SDPA (`use_gqa_in_sdpa`). */
const WIDEST_HEAD = 256;

/** Grouped heads in fp32 that transformers leaves to SDPA, which has no kernel for them (PyTorch 2.13). */
export const groupsInMath = (op: AttentionOp, flow: Flow): boolean =>
  op.kvHeads < op.heads && !half(flow) && op.headDim <= WIDEST_HEAD && op.headDim === op.valueDim;

/** What SDPA's plain kernel holds at its softmax: fp32 copies, scaled queries, and 9 bytes a score. */
export function spreadInMath(op: AttentionOp, flow: Flow): HeldBuffer[] {
  const queries = hidden(flow, headsHere(flow, op.heads) * op.headDim);
  const one: Product = [
    ...flow.sequences,
    keysOf(op, flow),
    perHead(op, op.kvHeads, flow),
    element(flow),
  ];
  return [
    held("queries in fp32 and scaled", [times(half(flow) ? 4 : 1, ""), ...queries]),
    ...(half(flow) ? [held("keys and values in fp32", [times(4, ""), ...one])] : []),
    held("scores and their softmax", scores(op, flow, 9)),
  ];
}

/** Heads too wide for that: keys and values are repeated beforehand. */
export const repeats = (op: AttentionOp): boolean => copied(op) && op.headDim > WIDEST_HEAD;

/** Keys and values are copied for every query head of a group; a single head is only viewed so. */
export const copied = ({ kvHeads, heads }: AttentionOp): boolean => kvHeads > 1 && kvHeads < heads;

/**
 * The product with a view of a single head takes a copy for every query head, of keys and values in turn; one sequence
 * alone needs none.
 */
export const viewed = (op: AttentionOp, flow: Flow, moment: Moment | undefined): Moment[] =>
  moment && op.kvHeads === 1 && op.heads > 1
    ? [
        {
          ...moment,
          buffers: [...moment.buffers, held("keys of every query head", repeat(op, flow))],
          when: { axis: "decoded", atLeast: 2 },
        },
      ]
    : [];

/** Keys or values repeated for every query head, because the kernel with a mask takes no groups. */
export const repeat = (op: AttentionOp, flow: Flow): Product => [
  ...flow.sequences,
  keysOf(op, flow),
  perHead(op, op.heads, flow),
  element(flow),
];

/** A boolean mask and the additive one that the kernel makes of it for every sequence. */
export const masks = (flow: Flow): Product => [
  ...flow.sequences,
  flow.queries,
  flow.keys,
  times(1 + (half(flow) ? 2 : 4), "B a position pair"),
];

/**
 * Grouped heads in fp32 fit neither the flash nor the memory-efficient kernel of PyTorch 2.13: SDPA computes them in
 * plain steps, with repeated keys and values and two copies of the scores (a boolean mask between them).
 */
export function mathKernel(
  op: AttentionOp,
  flow: Flow,
  asking: readonly HeldBuffer[],
  queries: Product,
): Moment {
  return {
    at: "sdpa math",
    buffers: [
      ...asking,
      held("scaled queries", queries),
      held("repeated keys", repeat(op, flow)),
      held("repeated values", repeat(op, flow)),
      held("scores and their softmax", scores(op, flow, 9)),
      held("causal mask", [flow.queries, flow.keys, times(5, "B a position pair")]),
    ],
  };
}
