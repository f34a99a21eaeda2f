import { bytesOf } from "../../dtype.ts";
import { type Factor, type Product, times } from "../../quantity/product.ts";
import type { DeltaRuleOp, ScanOp, StateSpaceDualOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { element, type Flow, held, hidden } from "./flow.ts";

const FP32 = times(bytesOf("fp32"), "B fp32");

/**
 * What recurrent mixers hold in the plain PyTorch paths that transformers takes without kernels of their own (mamba-ssm,
 * causal-conv1d, flash-linear-attention): everything of the scan is fp32. Observed by running the modules of transformers
 * 5.18 under a mode that sees every allocation.
 */
export function mixerMoments(op: ScanOp | StateSpaceDualOp | DeltaRuleOp, flow: Flow): Moment[] {
  switch (op.kind) {
    case "scan":
      return scan(op, flow);
    case "state-space-dual":
      return flow.phase === "decode" ? step(op, flow) : dual(op, flow);
    case "delta-rule":
      return flow.phase === "decode" ? deltaStep(op, flow) : deltaRule(op, flow);
    default:
      return op satisfies never;
  }
}

/** `width` fp32 values for every position, the last chunk of positions padded. */
const wide = (flow: Flow, width: number, count: number, chunk = 1): Product => [
  ...(count === 1 ? [] : [times(count, "")]),
  ...flow.sequences,
  ...positions(flow, chunk),
  times(width, "wide"),
  FP32,
];

const positions = (flow: Flow, chunk: number): Factor[] =>
  chunk === 1
    ? [flow.queries]
    : [{ ...flow.queries, label: "chunks", per: chunk }, times(chunk, "positions in a chunk")];

/** Mamba: three tensors of channels × state for every position, and a few of the channels alone. */
function scan(op: ScanOp, flow: Flow): Moment[] {
  const { inner, state } = op;
  return [
    {
      at: "scan",
      buffers: [
        held("decays, inputs and their product", wide(flow, inner * state, 3)),
        held("step and output in fp32", wide(flow, inner, 2)),
        held("projection in", hidden(flow, 2 * inner)),
        held("convolved input, step and its parts", hidden(flow, 4 * inner)),
        held("decay's exponents", [times(inner, ""), times(state, ""), FP32]),
        // One position: what the state becomes and what is added to it are as large as the three above.
        ...(flow.phase === "decode"
          ? [held("state and its update", wide(flow, inner * state, 2))]
          : []),
      ],
    },
  ];
}

/** Mamba 2 in chunks: B and C for every head, pairwise decays within a chunk, and states between chunks. */
function dual(op: StateSpaceDualOp, flow: Flow): Moment[] {
  const { heads, headDim, state, chunk, projected, convolved } = op;
  const ofStates = (count: number): HeldBuffer =>
    held("B, C and products with them", wide(flow, heads * state, count, chunk));
  const ofChunks = (count: number): HeldBuffer =>
    held("decays and scores within chunks", wide(flow, heads * chunk, count, chunk));
  const ofHeads = (count: number): HeldBuffer =>
    held("inputs and outputs of heads in fp32", wide(flow, heads * headDim, count, chunk));
  const rest = [
    held("projection in", hidden(flow, projected)),
    held("convolved input", hidden(flow, convolved)),
    held("states of all chunks", [
      ...flow.sequences,
      { ...flow.queries, label: "chunks", per: chunk },
      times(heads * headDim * state, "state"),
      FP32,
    ]),
    held("state before the first chunk", [
      times(2, ""),
      ...flow.sequences,
      times(heads * headDim * state, "state"),
      FP32,
    ]),
  ];
  return [
    { at: "within chunks", buffers: [...rest, ofStates(3), ofChunks(3), ofHeads(7)] },
    { at: "between chunks", buffers: [...rest, ofStates(4), ofChunks(3), ofHeads(5)] },
  ];
}

/** One position of Mamba 2: the new state and what it is made of. */
const step = ({ heads, headDim, state }: StateSpaceDualOp, flow: Flow): Moment[] => [
  {
    at: "step",
    buffers: [
      held("new state, its decay and their product", [
        times(3, ""),
        ...flow.sequences,
        times(heads * headDim * state, "state"),
        FP32,
      ]),
      held("what it is updated with", [
        times(2, ""),
        ...flow.sequences,
        times(heads * headDim * state, "state"),
        element(flow),
      ]),
    ],
  },
];

/** One position of the gated delta rule: the decayed state, what is added to it, and their sum. */
const deltaStep = ({ heads, keyDim, valueDim }: DeltaRuleOp, flow: Flow): Moment[] => [
  {
    at: "step",
    buffers: [
      held("decayed state, its update and their sum", [
        times(3, ""),
        ...flow.sequences,
        times(heads * keyDim * valueDim, "state"),
        FP32,
      ]),
    ],
  },
];

/** Gated delta rule in chunks: queries, keys and values of all heads in fp32, with and without their weights and decays. */
function deltaRule(op: DeltaRuleOp, flow: Flow): Moment[] {
  const { heads, keyDim, valueDim, chunk, projected, convolved } = op;
  return [
    {
      at: "delta rule",
      buffers: [
        ...(projected === undefined ? [] : [held("projection in", hidden(flow, projected))]),
        held("convolved input", hidden(flow, convolved)),
        held("queries and keys of every head", hidden(flow, 2 * heads * keyDim)),
        held("gates", hidden(flow, heads * valueDim)),
        held("queries, keys and values in fp32", wide(flow, heads * keyDim, 6, chunk)),
        held("solutions and outputs in fp32", wide(flow, heads * valueDim, 4, chunk)),
        held("decays and scores within chunks", wide(flow, heads * chunk, 3, chunk)),
        held("states", [
          times(2, ""),
          ...flow.sequences,
          times(heads * keyDim * valueDim, "state"),
          FP32,
        ]),
      ],
    },
  ];
}
