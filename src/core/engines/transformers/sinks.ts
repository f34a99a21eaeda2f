import { type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { Moment } from "../engine.ts";
import { element, type Flow, half, headsHere, held, hidden } from "./flow.ts";
import { repeat } from "./groups.ts";
import { scores } from "./scores.ts";

/** Scores and one more column. */
export const sinkScores = (op: AttentionOp, flow: Flow): Product => [
  ...flow.sequences,
  times(headsHere(flow, op.heads), "heads"),
  flow.queries,
  { ...flow.keys, label: "keys and the sink", through: [{ kind: "scale", by: 1, plus: 1 }] },
  element(flow),
];

/** Scores with their mask, then joined with the sinks, then less their largest. */
export function sinkMoments(op: AttentionOp, flow: Flow): Moment[] {
  const joined = sinkScores(op, flow);
  return [
    {
      at: "",
      buffers: [
        held("queries", hidden(flow, headsHere(flow, op.heads) * op.headDim)),
        held("repeated keys", repeat(op, flow)),
        held("repeated values", repeat(op, flow)),
        held("masked scores", scores(op, flow, half(flow) ? 2 : 4)),
        held("scores joined with sinks", joined),
        held("the same, less their largest", joined),
      ],
    },
  ];
}
