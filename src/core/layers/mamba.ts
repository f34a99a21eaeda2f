import { type Module, module } from "../tree/module.ts";
import type { DeviceBuffer, Tensor } from "../tree/tensor.ts";
import { conv1d } from "./conv.ts";
import { linear } from "./linear.ts";

interface MixerSizes {
  readonly width: number;
  /** Channels of the scan, by `expand` times the width in most models. */
  readonly inner: number;
  /** Length of the state that each channel keeps. */
  readonly state: number;
  readonly kernel: number;
  /** Biases of the projections in and out, and of the convolution. */
  readonly bias: boolean;
  readonly convBias: boolean;
}

export interface MambaSizes extends MixerSizes {
  /** Rank of the time step's projection. */
  readonly rank: number;
  /** Norms on time step, B and C. */
  readonly norms?: readonly Module[];
}

/**
 * Mamba's mixer (Gu and Dao 2023): a gate and an input, a causal convolution over each channel, and a selective scan whose
 * step, B and C come from the input. It remembers the convolution's window in the model's dtype and the scan's state in
 * fp32. Tensor parallelism deals out channels.
 */
export function mambaMixer(className: string, name: string, sizes: MambaSizes): Module {
  const { width, inner, state, kernel, rank, bias } = sizes;
  const channels = { dim: 0, units: inner };
  return module(
    className,
    name,
    [
      depthwise("conv1d", inner, kernel, sizes.convBias),
      linear("in_proj", width, 2 * inner, { bias, divide: { by: "columns", units: inner } }),
      linear("x_proj", inner, rank + 2 * state, { bias: false, divide: { by: "rows" } }),
      linear("dt_proj", rank, inner, { divide: { by: "columns" } }),
      linear("out_proj", inner, width, { bias, divide: { by: "rows" } }),
      ...(sizes.norms ?? []),
    ],
    {
      op: { kind: "scan", width, inner, state },
      tensors: [
        { name: "A_log", shape: [inner, state], cut: channels },
        { name: "D", shape: [inner], cut: channels },
      ],
      state: {
        kind: "recurrent",
        parts: [
          { name: "convolution", shape: [inner, kernel], units: inner },
          { name: "scan", shape: [inner, state], dtype: "fp32", units: inner },
        ],
      },
    },
  );
}

export interface Mamba2Sizes extends MixerSizes {
  readonly heads: number;
  readonly headDim: number;
  /** Groups of heads that share B and C. */
  readonly groups: number;
  /** Positions that are computed as one block. */
  readonly chunk: number;
  /** Class of the gated norm before the projection out; undefined: none. */
  readonly norm: string | undefined;
  /** Bias of the projection out, where it differs from that of the projection in. */
  readonly outBias?: boolean;
  readonly buffers?: readonly DeviceBuffer[];
}

/** Outputs of the projection in: gate, input, B, C, and a time step per head. */
export const mamba2Projection = ({
  inner,
  groups,
  state,
  heads,
}: Pick<Mamba2Sizes, "inner" | "groups" | "state" | "heads">): number =>
  2 * inner + 2 * groups * state + heads;

/**
 * Mamba 2's mixer (Dao and Gu 2024): heads with one decay each, B and C shared by groups of heads, all from one projection.
 * The scan's state is [heads, headDim, state] in fp32. Tensor parallelism deals out heads and, for B and C, groups.
 */
export function mamba2Mixer(className: string, name: string, sizes: Mamba2Sizes): Module {
  const { width, inner, state, kernel, heads, headDim, groups, bias } = sizes;
  const perHead = (own: string): Tensor => ({
    name: own,
    shape: [heads],
    cut: { dim: 0, units: heads },
  });
  return module(
    className,
    name,
    [
      depthwise("conv1d", inner + 2 * groups * state, kernel, sizes.convBias),
      linear("in_proj", width, mamba2Projection(sizes), { bias, divide: { by: "columns" } }),
      sizes.norm === undefined
        ? undefined
        : {
            class: sizes.norm,
            name: "norm",
            tensors: [{ name: "weight", shape: [inner], cut: { dim: 0, units: heads } }],
            op: { kind: "norm", width: inner },
            children: [],
          },
      linear("out_proj", inner, width, {
        bias: sizes.outBias ?? bias,
        divide: { by: "rows", units: heads },
      }),
    ],
    {
      op: {
        kind: "state-space-dual",
        width,
        heads,
        headDim,
        state,
        chunk: sizes.chunk,
        projected: mamba2Projection(sizes),
        convolved: inner + 2 * groups * state,
      },
      tensors: [perHead("dt_bias"), perHead("A_log"), perHead("D")],
      ...(sizes.buffers && { buffers: sizes.buffers }),
      state: {
        kind: "recurrent",
        parts: [
          { name: "convolution", shape: [inner, kernel], units: heads },
          { name: "convolution of B and C", shape: [2 * groups * state, kernel], units: groups },
          { name: "scan", shape: [heads, headDim, state], dtype: "fp32", units: heads },
        ],
      },
    },
  );
}

/** One filter per channel; channels are dealt out to ranks. */
export function depthwise(name: string, channels: number, kernel: number, bias: boolean): Module {
  const conv = conv1d(name, channels, channels, kernel, { groups: channels, bias });
  return {
    ...conv,
    tensors: conv.tensors.map((tensor) => ({ ...tensor, cut: { dim: 0, units: channels } })),
  };
}
