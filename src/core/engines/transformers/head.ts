import { times } from "../../quantity/product.ts";
import type { Op } from "../../tree/op.ts";
import type { Moment } from "../engine.ts";
import { element, type Flow, held, hidden } from "./flow.ts";

/** Logits in the model's dtype beside the final hidden states. */
export function headMoment(
  op: Extract<Op, { kind: "head" }>,
  width: number,
  flow: Flow,
  embeds: boolean,
): Moment {
  const { assistant } = flow.setup;
  const positions =
    op.positions === "all"
      ? [...flow.sequences, flow.queries]
      : // What an assistant wrote is read over together, with one more.
        [...flow.sequences, ...(assistant ? [times(assistant.tokens + 1, "tokens")] : [])];
  return {
    at: "lm_head",
    buffers: [
      held("final hidden states", hidden(flow, width)),
      ...(embeds ? [held("merged embeddings", hidden(flow, width))] : []),
      held("logits", [
        ...(op.copied ? [times(2, "")] : []),
        ...positions,
        times(op.vocab, "vocabulary"),
        element(flow),
      ]),
    ],
  };
}
