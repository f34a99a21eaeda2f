import { InputError } from "../errors.ts";
import { conv2d } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { follow, type Step } from "../step.ts";
import { ranges } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { ConvFrontEnd, FeatureMap } from "../tree/op.ts";

export interface DepthwiseStriding {
  /** Names of the list of convolutions and of the matrix after it. */
  readonly names: readonly [convolutions: string, out: string];
  readonly channels: number;
  readonly width: number;
  readonly factor: number;
  readonly kernel: number;
  /** Mel bins that are left after the last convolution. */
  readonly binsOut: number;
}

/** How often a front end of `factor` halves. @throws InputError for one that is no power of two. */
export function halvings(factor: number, field: string): number {
  const times = Math.log2(factor);
  if (Number.isInteger(times) && times > 0) return times;
  throw new InputError(
    "out-of-range",
    `${field} is ${factor}, but must be a power of two such as 8: correct it in the config.`,
    field,
  );
}

/**
 * NeMo's front end ("dw_striding"): a strided convolution over frames and mel bins, strided depthwise ones, each with a
 * pointwise one after it, and a matrix to the encoder's width. An activation sits between them and takes an index.
 */
export function depthwiseStriding(
  className: string,
  name: string,
  options: DepthwiseStriding,
): Module {
  const { names, channels, width, kernel, binsOut } = options;
  const repeats = Math.log2(options.factor) - 1;
  const every = (first: number) => ranges(Array.from({ length: repeats }, (_, i) => first + 3 * i));
  return module(className, name, [
    conv2d(`${names[0]}.0`, 1, channels, kernel),
    stack(every(2), conv2d(names[0], channels, channels, kernel, { groups: channels })),
    stack(every(3), conv2d(names[0], channels, channels, 1)),
    linear(names[1], channels * binsOut, width),
  ]);
}

/** What it holds: the first convolution and its activation are the largest of its tensors. */
export const stridingEntry = ({
  channels,
  bins,
  kernel,
  factor,
  stride,
}: {
  readonly channels: number;
  readonly bins: number;
  readonly kernel: number;
  readonly factor: number;
  readonly stride: number;
}): ConvFrontEnd => {
  const [first] = stridingSteps(factor, kernel, stride);
  const map = (label: string): FeatureMap => ({
    label,
    steps: first ? [first] : [],
    width: channels * (first ? follow([first], bins) : bins),
  });
  return {
    kind: "conv-front-end",
    bins,
    width: channels,
    strides: stridingSteps(factor, kernel, stride).map(() => stride),
    moments: [[map("convolution"), map("activation")]],
  };
};

/** What it makes of a number of frames. */
export function stridingSteps(factor: number, kernel: number, stride: number): Step[] {
  const padding = Math.floor((kernel - 1) / 2);
  return Array.from({ length: Math.log2(factor) }, () => ({
    kind: "conv",
    kernel,
    stride,
    padding,
  }));
}
