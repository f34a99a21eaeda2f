import { type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { element, type Flow, half, headsHere, held, hidden, isEager } from "./flow.ts";
import { copied, groupsInMath, repeat, repeats, spreadInMath, viewed } from "./groups.ts";
import { paddedCache } from "./queries.ts";
import { eagerCopies, perHead, scoreBytes, scores } from "./scores.ts";

/** One position asks. A dynamic cache appends by making a new tensor of one layer's keys before the old one goes. */
export function decoding(op: AttentionOp, flow: Flow): Moment[] {
  const grouped = copied(op);
  const { span } = op;
  const window = span.kind === "window" ? span.size : undefined;
  const seen: Flow =
    window === undefined ? flow : { ...flow, keys: { ...flow.keys, atMost: window } };
  const repeated: HeldBuffer[] = grouped
    ? [held("repeated keys", repeat(op, seen)), held("repeated values", repeat(op, seen))]
    : [];
  const one: Product = [...flow.sequences, seen.keys, perHead(op, op.kvHeads, flow), element(flow)];
  const queries = held("queries", hidden(flow, headsHere(flow, op.heads) * op.headDim));
  const padded = paddedCache(op, flow);
  const moments: Moment[] = padded.length > 0 ? [{ at: "", buffers: [queries, ...padded] }] : [];
  if (op.over === "self") {
    moments.push({
      at: "",
      buffers: [
        queries,
        held("one layer's keys, appended", one),
        // A sliding cache cuts values and keys anew at every step.
        ...(window !== undefined ? [held("one layer's values, appended", one)] : []),
      ],
    });
  }
  if (isEager(op, flow)) {
    const bytes = scoreBytes(op, flow);
    moments.push({
      at: "",
      buffers: [
        queries,
        ...repeated,
        ...padded,
        ...eagerCopies(op, seen),
        held("scores", scores(op, seen, bytes)),
      ],
    });
    return [...moments, ...viewed(op, seen, moments.at(-1))];
  }
  if (op.ungrouped) {
    const spread = spreadInMath(op, seen);
    return [
      ...moments,
      { at: "sdpa math", buffers: [queries, ...spread] },
      {
        at: "sdpa math",
        // The product takes keys of every query head, unless one sequence runs alone.
        buffers: [
          queries,
          ...spread.slice(0, -1),
          held("keys of every query head", [times(half(flow) ? 2 : 1, ""), ...repeat(op, seen)]),
          held("scores", scores(op, seen, 4)),
        ],
        when: { axis: "decoded", atLeast: 2 },
      },
    ];
  }
  if (repeats(op)) moments.push({ at: "", buffers: [queries, ...repeated] });
  if (groupsInMath(op, flow)) {
    moments.push({
      at: "sdpa math",
      buffers: [
        queries,
        held("repeated keys", repeat(op, seen)),
        held("repeated values", repeat(op, seen)),
        held("scaled keys", repeat(op, seen)),
        held("scores", scores(op, seen, 8)),
      ],
      ...(window !== undefined && { when: { axis: "cached", below: window } }),
    });
  }
  if (grouped && (window !== undefined || flow.setup.cache === "static")) {
    moments.push({
      at: "sdpa with a mask",
      buffers: [queries, ...repeated],
      ...(flow.setup.cache === "dynamic" &&
        window !== undefined && { when: { axis: "cached", atLeast: window } }),
    });
  }
  return moments;
}
