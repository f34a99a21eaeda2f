import { conv1d } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { type Module, module } from "../tree/module.ts";

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
    { op: { kind: "feed-forward", width, inner, gated } },
  );
}

export interface ConvolutionModule {
  readonly width: number;
  /** Channels of the depthwise convolution, `width` unless stated. */
  readonly inner?: number;
  readonly kernel: number;
  readonly names: readonly [expand: string, depthwise: string, contract: string];
  readonly bias: { readonly pointwise: boolean; readonly depthwise: boolean };
  /** The norm between depthwise convolution and activation. */
  readonly norm: Module;
  /** The norm at the entry, where it lies in the module itself. */
  readonly before?: Module;
}

/** Pointwise convolution with a gated linear unit, depthwise convolution, norm, pointwise convolution. */
export function convolutionModule(
  className: string,
  name: string,
  options: ConvolutionModule,
): Module {
  const { width, inner = width, kernel, names, bias, norm, before } = options;
  const [expand, depthwise, contract] = names;
  return module(className, name, [
    before,
    conv1d(expand, width, 2 * inner, 1, { bias: bias.pointwise }),
    conv1d(depthwise, inner, inner, kernel, { groups: inner, bias: bias.depthwise }),
    norm,
    conv1d(contract, inner, width, 1, { bias: bias.pointwise }),
  ]);
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
