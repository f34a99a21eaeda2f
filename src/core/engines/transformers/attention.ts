import { type Factor, type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { decoding } from "./decoding.ts";
import { element, type Flow, half, headsHere, held, hidden, isEager } from "./flow.ts";
import { latentMoments } from "./latent.ts";
import { packedMoments } from "./packed.ts";
import { relativeMoments } from "./relative.ts";
import { sinkMoments, sinkScores } from "./sinks.ts";

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
        held("scores and their softmax", scores(op, flow, softmaxBytes(flow))),
      ],
    };
    return [moment, ...viewed(op, flow, moment)];
  }
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

/** Flash attention wants heads of a multiple of this many values (PyTorch, `pad_last_dim<8>`): others are copied. */
const FLASH_ALIGNMENT = 8;

/** The head width that queries, keys and values are padded to before the flash kernel, where theirs does not fit. */
function alignedDim(op: AttentionOp, flow: Flow): number | undefined {
  const wide = op.paddedDim ?? op.headDim;
  if (!half(flow) || isEager(op, flow) || wide % FLASH_ALIGNMENT === 0) return undefined;
  return Math.ceil(wide / FLASH_ALIGNMENT) * FLASH_ALIGNMENT;
}

const alignedKeys = (op: AttentionOp, dim: number, flow: Flow): HeldBuffer[] => {
  const size: Product = [
    ...flow.sequences,
    keysOf(op, flow),
    times(headsHere(flow, op.kvHeads) * dim, "wide"),
    element(flow),
  ];
  return [held("padded keys", size), held("padded values", size)];
};

/**
 * Rotation: `q · cos + turned(q) · sin`, first of queries, then of keys. Keys and values themselves are counted with the cache,
 * which this layer's are not part of yet.
 */
function turning(op: AttentionOp, queries: Product, keys: Product, flow: Flow): Moment[] {
  const fp32 = op.turns === "fp32" && half(flow);
  const many = (count: number, size: Product): Product => [
    times(fp32 ? 2 * count : count, ""),
    ...size,
  ];
  const own = fp32 ? [held("queries", queries)] : [];
  return [
    {
      at: "rotary",
      buffers: [
        ...own,
        held("queries and their turning", many(4, queries)),
        ...(fp32 ? [held("keys in fp32", many(1, keys))] : []),
      ],
    },
    {
      at: "rotary",
      buffers: [
        ...own,
        held("queries, before and after", many(2, queries)),
        held("keys and their turning", many(fp32 ? 4 : 3, keys)),
      ],
    },
  ];
}

/** Queries, or what one matrix made of them together with keys and values, of which rotation makes new ones. */
function queriesOf(op: AttentionOp, flow: Flow, queries: Product): HeldBuffer[] {
  const own = held("queries", queries);
  const both = headsHere(flow, op.heads) + headsHere(flow, op.kvHeads);
  const turned =
    op.sliced === undefined ? [] : [held("turned parts", hidden(flow, both * op.sliced))];
  if (!op.fused && turned.length === 0) return [own];
  if (!op.fused)
    return [
      own,
      held("queries and keys before they were cut", hidden(flow, both * op.headDim)),
      ...turned,
    ];
  const wide = headsHere(flow, op.heads + 2 * op.kvHeads) * op.headDim;
  const all = held("queries, keys and values of one matrix", hidden(flow, wide));
  return flow.rotated ? [all, own, ...turned] : [all];
}

/** The widest head that the flash kernel takes, and up to which transformers leaves groups to SDPA (`use_gqa_in_sdpa`). */
const WIDEST_HEAD = 256;

/** Grouped heads in fp32 that transformers leaves to SDPA, which has no kernel for them (PyTorch 2.13). */
export const groupsInMath = (op: AttentionOp, flow: Flow): boolean =>
  op.kvHeads < op.heads && !half(flow) && op.headDim <= WIDEST_HEAD && op.headDim === op.valueDim;

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

/** Copies of cached keys and values whose heads are padded to another width. */
export function paddedCache(op: AttentionOp, flow: Flow): HeldBuffer[] {
  const aligned = alignedDim(op, flow);
  if (aligned !== undefined) return alignedKeys(op, aligned, flow);
  if (op.paddedDim === undefined || op.paddedDim === op.headDim) return [];
  const size: Product = [
    ...flow.sequences,
    keysOf(op, flow),
    times(headsHere(flow, op.kvHeads) * op.paddedDim, "wide"),
    element(flow),
  ];
  return [held("padded keys", size), held("padded values", size)];
}

/** A boolean mask and the additive one that the kernel makes of it for every sequence. */
const masks = (flow: Flow): Product => [
  ...flow.sequences,
  flow.queries,
  flow.keys,
  times(1 + (half(flow) ? 2 : 4), "B a position pair"),
];

/**
 * Grouped heads in fp32 fit neither the flash nor the memory-efficient kernel of PyTorch 2.13: SDPA computes them in
 * plain steps, with repeated keys and values and two copies of the scores (a boolean mask between them).
 */
function mathKernel(
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

/** The softmax of a layer, which eager attention returns and the layer's frame keeps while its feed-forward runs. */
export function keptScores(op: AttentionOp, flow: Flow): HeldBuffer[] {
  if (!isEager(op, flow) || op.returns === "nothing") return [];
  if (op.span.kind === "chunk" && op.span.folded === "one by one") return [];
  if (op.sinks) return [held("attention weights, still referenced", sinkScores(op, flow))];
  return [held("attention weights, still referenced", scores(op, flow, half(flow) ? 2 : 4))];
}
