import { InputError } from "../errors.ts";
import { conv1d } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { type Module, module } from "../tree/module.ts";
import type { RelativePositions } from "../tree/op.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";

/**
 * The bricks of a conformer layer (Gulati et al. 2020): two feed-forwards of half weight around self-attention and a
 * convolution. Implementations differ in names, in where norms sit and in which norm follows the depthwise convolution.
 */
export interface HalfFeedForward {
  readonly width: number;
  readonly inner: number;
  readonly names: readonly [up: string, down: string];
  readonly bias?: boolean;
  /** The first matrix yields a gate and a value, each `inner` wide. */
  readonly gated?: boolean;
  /** Norms that lie in the feed-forward itself. */
  readonly before?: readonly Module[];
  readonly after?: readonly Module[];
  readonly buffers?: readonly DeviceBuffer[];
}

export function halfFeedForward(className: string, name: string, options: HalfFeedForward): Module {
  const { width, inner, names, bias = true, gated = false } = options;
  return module(
    className,
    name,
    [
      ...(options.before ?? []),
      linear(names[0], width, gated ? 2 * inner : inner, {
        bias,
        divide: { by: "columns", units: inner },
      }),
      linear(names[1], inner, width, { bias, divide: { by: "rows" } }),
      ...(options.after ?? []),
    ],
    {
      op: { kind: "feed-forward", width, inner, gated, ...(gated && { keepsGate: true as const }) },
      ...(options.buffers && { buffers: options.buffers }),
    },
  );
}

export interface ConvolutionModule {
  readonly width: number;
  /** Channels of the depthwise convolution, `width` unless stated. */
  readonly inner?: number;
  readonly kernel: number;
  readonly names: readonly [expand: string, depthwise: string, contract: string];
  readonly bias: { readonly pointwise: boolean; readonly depthwise: boolean };
  /** Whether the pointwise convolutions are stored as plain matrices. */
  readonly matrices?: boolean;
  /** The norm between depthwise convolution and activation. */
  readonly norm: Module;
  /** The norm at the entry, where it lies in the module itself. */
  readonly before?: Module;
  readonly buffers?: readonly DeviceBuffer[];
}

/** Pointwise convolution with a gated linear unit, depthwise convolution, norm, pointwise convolution. */
export function convolutionModule(
  className: string,
  name: string,
  options: ConvolutionModule,
): Module {
  const { width, inner = width, kernel, names, bias, norm, before } = options;
  const [expand, depthwise, contract] = names;
  const pointwise = (own: string, inputs: number, outputs: number) =>
    options.matrices
      ? linear(own, inputs, outputs, { bias: bias.pointwise })
      : conv1d(own, inputs, outputs, 1, { bias: bias.pointwise });
  return module(
    className,
    name,
    [
      before,
      pointwise(expand, width, 2 * inner),
      conv1d(depthwise, inner, inner, kernel, { groups: inner, bias: bias.depthwise }),
      norm,
      pointwise(contract, inner, width),
    ],
    options.buffers ? { buffers: options.buffers } : {},
  );
}

/** A layer of those parts; `blocks` names its residual blocks in running order. */
export function conformerLayer(
  className: string,
  name: string,
  width: number,
  children: readonly (Module | undefined)[],
  blocks: readonly string[],
): Module {
  return module(className, name, children, {
    op: { kind: "layer", width, blocks: blocks.map((run) => ({ run })) },
  });
}

/** The attention with relative positions in its scores. */
export const withPositions = (attention: Module, relative: RelativePositions): Module =>
  attention.op?.kind === "attention"
    ? { ...attention, op: { ...attention.op, relative } }
    : attention;

/** @throws InputError for a kernel that cannot keep the length: the reference refuses even ones. */
export function oddKernel(kernel: number, field: string): void {
  if (kernel % 2 === 1) return;
  throw new InputError(
    "out-of-range",
    `${field} is ${kernel}, but must be odd: correct it in the config.`,
    field,
  );
}
