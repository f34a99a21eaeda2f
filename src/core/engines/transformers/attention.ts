import { type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { decoding } from "./decoding.ts";
import { element, type Flow, half, headsHere, held, hidden, isEager } from "./flow.ts";
import {
  copied,
  groupsInMath,
  masks,
  mathKernel,
  repeat,
  repeats,
  spreadInMath,
  viewed,
} from "./groups.ts";
import { latentMoments } from "./latent.ts";
import { packedMoments } from "./packed.ts";
import { alignedDim, alignedKeys, paddedCache, queriesOf, turning } from "./queries.ts";
import { relativeMoments } from "./relative.ts";
import { eagerCopies, perHead, scoreBytes, scores, softmaxBytes } from "./scores.ts";
import { sinkMoments } from "./sinks.ts";

/**
 * What attention holds besides its caller's tensors. `cached`: keys and values are the cache's and counted there.
 */
export function attentionMoments(op: AttentionOp, cached: boolean, flow: Flow): Moment[] {
  if (op.latent) return latentMoments(op, op.latent.unrotated, flow);
  if (op.sinks && flow.phase !== "decode") return sinkMoments(op, flow);
  if (cached && flow.phase === "decode") return decoding(op, flow);
  if (op.packed || (op.turns && !cached)) return packedMoments(op, flow);
  return [...(cached ? appending(op, flow) : []), ...scoring(op, cached, folded(op, flow))];
}

/** Blocks that are folded into the batch: each is a sequence of its own, the last one padded. */
export function folded({ span }: AttentionOp, flow: Flow): Flow {
  if (span.kind !== "chunk" || span.folded !== true) return flow;
  const block = times(span.size, "positions in a block");
  return {
    ...flow,
    sequences: [...flow.sequences, { ...flow.queries, label: "blocks", per: span.size }],
    queries: block,
    keys: block,
  };
}

/** The first append concatenates with an empty tensor: projections and copies of keys and values live together. */
function appending(op: AttentionOp, flow: Flow): Moment[] {
  if (op.over !== "cross") return [];
  const size: Product = [
    ...flow.sequences,
    flow.memory,
    perHead(op, op.kvHeads, flow),
    element(flow),
  ];
  return [
    {
      at: "",
      buffers: [
        held("queries", hidden(flow, headsHere(flow, op.heads) * op.headDim)),
        held("projected keys beside their cached copy", size),
        held("projected values beside their cached copy", size),
      ],
    },
  ];
}

function scoring(op: AttentionOp, cached: boolean, flow: Flow): Moment[] {
  const wide = op.paddedDim ?? op.headDim;
  const queries = hidden(flow, headsHere(flow, op.heads) * wide);
  const keys = hidden(flow, headsHere(flow, op.kvHeads) * wide);
  const aligned = alignedDim(op, flow);
  const asking = queriesOf(op, flow, queries);
  const own: HeldBuffer[] = cached
    ? paddedCache(op, flow)
    : [
        ...(op.fused && !flow.rotated ? [] : [held("keys", keys)]),
        ...(op.fused ? [] : [held("values", keys)]),
      ];
  const grouped = copied(op);
  const repeated: HeldBuffer[] = grouped
    ? [held("repeated keys", repeat(op, flow)), held("repeated values", repeat(op, flow))]
    : [];
  if (op.relative) {
    const one = scores(op, flow, half(flow) ? 2 : 4);
    return relativeMoments(op, flow, [...asking, ...own], one);
  }
  if (isEager(op, flow)) {
    const buffers = [...asking, ...own];
    if (op.span.kind === "chunk" && op.span.folded === "one by one") {
      const block = times(op.span.size, "positions in a block");
      const seen = { ...flow, sequences: [], queries: block, keys: block };
      const one = held("scores of one block", scores(op, seen, softmaxBytes(flow)));
      return [{ at: "", buffers: [...buffers, one] }];
    }
    if (op.scores === "scaled-copy") {
      const one = held("scores", scores(op, flow, half(flow) ? 2 : 4));
      return [{ at: "", buffers: [...buffers, one, { ...one, label: "scaled scores" }] }];
    }
    const moment: Moment = {
      at: "",
      buffers: [
        ...buffers,
        ...repeated,
        ...eagerCopies(op, flow),
        held("scores and their softmax", scores(op, flow, scoreBytes(op, flow))),
      ],
    };
    return [moment, ...viewed(op, flow, moment)];
  }
  if (op.ungrouped) return [{ at: "sdpa math", buffers: [...asking, ...spreadInMath(op, flow)] }];
  const output = held("attention output", queries);
  // The flash kernel keeps the layout of the queries, so that the output projection needs a copy; the fp32 kernel does not.
  const copy = half(flow) && !cached ? [held("its copy for the projection", queries)] : [];
  const padding =
    aligned === undefined
      ? []
      : [
          held("padded queries", hidden(flow, headsHere(flow, op.heads) * aligned)),
          ...(cached ? [] : alignedKeys(op, aligned, flow)),
        ];
  const flash: Moment = { at: "", buffers: [...asking, ...own, ...padding, output, ...copy] };
  const moments = [flash, ...(flow.rotated && cached ? turning(op, queries, keys, flow) : [])];
  if (repeats(op)) moments.push({ ...flash, buffers: [...flash.buffers, ...repeated] });
  if (groupsInMath(op, flow)) {
    const math = mathKernel(op, flow, asking, queries);
    if (op.span.kind === "causal") moments.push(math);
    if (op.span.kind === "window")
      moments.push({ ...math, when: { axis: "prompt", below: op.span.size } });
  }
  if (cached && op.span.kind === "window") {
    moments.push({
      at: "",
      when: { axis: "prompt", atLeast: op.span.size },
      buffers: [...asking, output, ...repeated, held("window mask", masks(flow))],
    });
  }
  return moments;
}
