import { type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { element, type Flow, headsHere, held, hidden, isEager } from "./flow.ts";
import { scores, softmaxBytes } from "./scores.ts";

/**
 * Latent attention as transformers 5.18 computes it: every step decompresses keys and values of all positions, one layer
 * at a time (`expand_kv`), and keys are joined with their rotated part.
 */
export function latentMoments(op: AttentionOp, unrotated: number, flow: Flow): Moment[] {
  const heads = headsHere(flow, op.heads);
  const past = (label: string, width: number): HeldBuffer =>
    held(label, [...flow.sequences, flow.keys, times(heads * width, "wide"), element(flow)]);
  const queries: Product = hidden(flow, heads * op.headDim);
  const expanded = [
    past("decompressed keys and values", unrotated + op.valueDim),
    past("keys with their rotated part", op.headDim),
  ];
  const own = [
    held("queries", queries),
    held("queries with their rotated part", queries),
    ...expanded,
  ];
  if (isEager(op, flow)) {
    const bytes = softmaxBytes(flow);
    // The product with values cut out of the decompressed tensor takes a copy, unless one sequence runs alone.
    const copy = past("values, copied", op.valueDim);
    return [
      ...(flow.phase === "decode"
        ? [
            {
              at: "",
              buffers: [...own, copy],
              when: { axis: "decoded", atLeast: 2 } as const,
            },
          ]
        : []),
      { at: "", buffers: [...own, held("scores and their softmax", scores(op, flow, bytes))] },
    ];
  }
  return [
    { at: "", buffers: [...own, held("attention output", hidden(flow, heads * op.valueDim))] },
  ];
}
