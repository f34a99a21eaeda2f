import { bytesOf } from "../dtype.ts";
import { type Factor, type Product, times } from "../quantity/product.ts";
import type { Module } from "../tree/module.ts";
import type { AttentionOp, Block, ExpertsOp, FeedForwardOp, Op } from "../tree/op.ts";
import type { HeldBuffer, Moment, Setup } from "./engine.ts";

/**
 * What a module holds while it runs, by what it is. Every rule lists the tensors that PyTorch keeps alive at the moments
 * that can be the largest; a parent adds what its own frame holds meanwhile. Observed with transformers 5.18
 * (`shared/spec/transformers-memory.md` of this project's workplace; docs/engines.md restates it).
 */
export interface Flow {
  /** Rows that pass through a layer at once: batch × length. */
  readonly rows: Product;
  /** Batch without the length. */
  readonly sequences: Product;
  /** Length of the queries and of what they attend to. */
  readonly queries: Factor;
  readonly keys: Factor;
  readonly memory: Factor;
  /** Whether keys and values go to a cache that is counted elsewhere. */
  readonly decoding: boolean;
  readonly setup: Setup;
}

const one: Factor = times(1, "");

/** `count` hidden states of `width`. */
function rows(flow: Flow, width: number, count = 1): Product {
  return [
    ...(count === 1 ? [] : [times(count, "")]),
    ...flow.rows,
    times(width, "wide"),
    element(flow),
  ];
}
const element = ({ setup }: Flow): Factor => times(bytesOf(setup.compute), `B ${setup.compute}`);

const held = (label: string, size: Product): HeldBuffer => ({ label, size });
const adding = (buffers: readonly HeldBuffer[], moments: readonly Moment[], at: string): Moment[] =>
  moments.map((moment) => ({
    at: moment.at === "" ? at : at === "" ? moment.at : `${at}.${moment.at}`,
    buffers: [...buffers, ...moment.buffers],
  }));

/** The moments of a tower: its front end, then one layer of each kind (they reuse each other's memory). */
export function towerMoments(tower: Module, flow: Flow): Moment[] {
  const op = tower.op;
  if (op?.kind !== "tower") return [];
  const embedded = held("hidden states at the entry", rows(flow, op.width));
  const layers = tower.children.flatMap((child) =>
    child.op?.kind === "layer"
      ? adding([embedded], layerMoments(child, child.op, flow), child.name)
      : [],
  );
  return [...(op.entry ? frontEnd(op.entry, flow) : []), ...layers];
}

/** Each convolution's output and its activation, at the length that the convolution leaves. */
function frontEnd(op: Extract<Op, { kind: "tower" }>["entry"] & object, flow: Flow): Moment[] {
  const total = op.strides.reduce((product, stride) => product * stride, 1);
  let passed = 1;
  return op.strides.map((stride, index) => {
    passed *= stride;
    const size: Product = [times(total / passed, ""), ...rows(flow, op.width)];
    return {
      at: `conv${index + 1}`,
      buffers: [held("convolution", size), held("activation", size)],
    };
  });
}

function layerMoments(layer: Module, op: Extract<Op, { kind: "layer" }>, flow: Flow): Moment[] {
  const hidden = rows(flow, op.width);
  return op.blocks.flatMap((block, index) => {
    const frame = [
      held("layer input", hidden),
      ...(index > 0 ? [held("residual", hidden)] : []),
      held("norm", hidden),
    ];
    return adding(frame, blockMoments(layer, block, flow), "");
  });
}

function blockMoments(layer: Module, block: Block, flow: Flow): Moment[] {
  if (typeof block.run !== "string") return adding([], feedForward(block.run, flow), "fc");
  const child = layer.children.find(({ name }) => name === block.run);
  if (child?.op?.kind === "attention") return adding([], attend(child.op, flow), child.name);
  if (child?.op?.kind === "feed-forward")
    return adding([], feedForward(child.op, flow), child.name);
  if (child?.op?.kind === "experts") return adding([], experts(child.op, flow), child.name);
  return [];
}

/**
 * Grouped matrix products over each token's copies, one for every expert it goes to: the gathered rows, gate and up
 * together, the activated gate and the product. A decoding step gathers the weights of the chosen experts instead
 * (transformers switches to batched products there).
 */
function experts(op: ExpertsOp, flow: Flow): Moment[] {
  const inner = Math.ceil(op.inner / flow.setup.tensorParallel);
  const chosen = times(op.perToken, "experts");
  if (flow.decoding && flow.queries.of === 1) {
    const weights: Product = [
      ...flow.sequences,
      chosen,
      times(3, "matrices"),
      times(inner, ""),
      times(op.width, "wide"),
      element(flow),
    ];
    return [{ at: "experts", buffers: [held("gathered expert weights", weights)] }];
  }
  const gathered = [chosen, ...rows(flow, op.width)];
  const pair = [chosen, ...rows(flow, inner, 2)];
  return [
    {
      at: "experts",
      buffers: [
        held("gathered rows", gathered),
        held("gate and up", pair),
        held("activated gate and product", pair),
      ],
    },
  ];
}

/** Flash attention: queries, keys, values, the result and its copy in the layout of the output projection; no scores. */
function attend(op: AttentionOp, flow: Flow): Moment[] {
  const ranks = flow.setup.tensorParallel;
  const queries = rows(flow, Math.ceil(op.heads / ranks) * op.headDim);
  const keyRows = op.over === "cross" ? [...flow.sequences, flow.memory] : flow.rows;
  const keys: Product = [
    ...keyRows,
    times(Math.ceil(op.kvHeads / ranks) * op.headDim, "wide"),
    element(flow),
  ];
  if (!flow.decoding) {
    return [
      {
        at: "",
        buffers: [
          held("queries", queries),
          held("keys", keys),
          held("values", keys),
          held("attention output", queries),
          held("its copy for the projection", queries),
        ],
      },
    ];
  }
  // Keys and values live in the cache; appending makes a new tensor of one layer before the old one goes.
  const appended: Product = [
    ...flow.sequences,
    op.over === "cross" ? flow.memory : flow.keys,
    times(Math.ceil(op.kvHeads / ranks) * op.headDim, "wide"),
    element(flow),
  ];
  return [
    {
      at: "",
      buffers: [
        held("queries", queries),
        held("attention output", queries),
        held("one layer's keys, appended", appended),
        ...(op.over === "cross" && flow.queries.of !== 1
          ? [held("one layer's values, appended", appended)]
          : []),
      ],
    },
  ];
}

function feedForward(op: FeedForwardOp, flow: Flow): Moment[] {
  const inner = rows(flow, Math.ceil(op.inner / flow.setup.tensorParallel));
  const buffers = op.gated
    ? [held("activated gate", inner), held("up projection", inner), held("their product", inner)]
    : [held("fc1", inner), held("activation", inner)];
  return [{ at: "", buffers }];
}

/** Logits in the model's dtype, for every position of the prompt or the last one, beside the final hidden states. */
export function headMoment(op: Extract<Op, { kind: "head" }>, width: number, flow: Flow): Moment {
  const positions = op.positions === "all" ? flow.rows : flow.sequences;
  return {
    at: "lm_head",
    buffers: [
      held("final hidden states", rows(flow, width)),
      held("logits", [...positions, times(op.vocab, "vocabulary"), element(flow)]),
    ],
  };
}

export const encoderFlow = (setup: Setup): Flow => ({
  rows: [times("batch", "sequences"), times("windows", "windows"), times("positions", "positions")],
  sequences: [times("batch", "sequences")],
  queries: times("positions", "positions"),
  keys: times("positions", "positions"),
  memory: one,
  decoding: false,
  setup,
});

export const prefillFlow = (setup: Setup): Flow => ({
  rows: [times("batch", "sequences"), times("prompt", "tokens")],
  sequences: [times("batch", "sequences")],
  queries: times("prompt", "tokens"),
  keys: times("prompt", "tokens"),
  memory: times("memory", "encoder positions"),
  decoding: true,
  setup,
});

export const decodeFlow = (setup: Setup): Flow => ({
  rows: [times("batch", "sequences")],
  sequences: [times("batch", "sequences")],
  queries: one,
  keys: times("context", "tokens"),
  memory: one,
  decoding: true,
  setup,
});
