import { type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { element, type Flow, half, headsHere, held, hidden, isEager } from "./flow.ts";
import { scores, softmaxBytes } from "./scores.ts";

/**
 * Attention of image encoders whose images lie behind each other in one row, or whose rotary positions are applied in fp32.
 * Source: transformers 5.18, `models/qwen2_vl/modeling_qwen2_vl.py` (`VisionAttention`, `apply_rotary_pos_emb_vision`) and its
 * successors; `models/pixtral/modeling_pixtral.py`.
 */
export function packedMoments(op: AttentionOp, flow: Flow): Moment[] {
  const state = hidden(flow, headsHere(flow, op.heads) * op.headDim);
  const times2 = (count: number): Product => [times(count, ""), ...state];
  const projected = held("queries, keys and values", times2(3));
  const turned: HeldBuffer[] = op.fused ? [held("turned queries and keys", times2(2))] : [];
  const moments: Moment[] = [];
  if (op.turns) moments.push({ at: "rotary", buffers: [projected, ...turning(op, flow)] });
  if (isEager(op, flow)) {
    moments.push({
      at: "",
      buffers: [
        projected,
        ...turned,
        held("scores and their softmax", packedScores(op, flow)),
        ...(op.packed === "one by one" ? [held("results before it", state)] : []),
      ],
    });
  } else {
    moments.push({
      at: "",
      buffers: [
        projected,
        ...turned,
        held("attention output", state),
        ...(half(flow) || op.packed === "one by one"
          ? [held("its copy for the projection", state)]
          : []),
      ],
    });
  }
  return moments;
}

/** Copies in fp32 of queries and keys, what is done of one of them, and three tensors of the other. */
function turning(op: AttentionOp, flow: Flow): HeldBuffer[] {
  const count = half(flow) ? 6 : 4;
  return [
    held("queries and keys, turned in fp32", [
      times(count, ""),
      ...flow.sequences,
      flow.queries,
      times(headsHere(flow, op.heads) * op.headDim, "wide"),
      times(4, "B fp32"),
    ]),
  ];
}

/** Of one sequence at a time, or of all pairs of positions in the row. */
function packedScores(op: AttentionOp, flow: Flow): Product {
  if (op.packed === "one by one") {
    const block =
      op.span.kind === "chunk" ? times(op.span.size, "positions in a window") : flow.queries;
    return scores(op, { ...flow, sequences: [], queries: block, keys: block }, softmaxBytes(flow));
  }
  const all = op.packed === "masked" ? [...flow.sequences, ...flow.sequences] : flow.sequences;
  return scores(op, { ...flow, sequences: all }, softmaxBytes(flow));
}

/** A mask of blocks over a whole row of sequences, or one of each sequence, in the model's dtype; undefined: none. */
export function encoderMask(op: AttentionOp, flow: Flow): HeldBuffer | undefined {
  const pairs: Product = [...flow.sequences, flow.queries, flow.keys, element(flow)];
  if (op.packed === "masked") return held("mask of blocks", [...flow.sequences, ...pairs]);
  return op.masked ? held("mask", pairs) : undefined;
}
