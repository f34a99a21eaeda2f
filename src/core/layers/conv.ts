import type { Module } from "../tree/module.ts";

interface ConvOptions {
  readonly bias?: boolean;
  readonly groups?: number;
  readonly class?: string;
}

/** One-dimensional convolution; weight [outputs, inputs / groups, kernel]. */
export function conv1d(
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  options: ConvOptions = {},
): Module {
  return conv(name, inputs, outputs, [kernel], options);
}

/** Convolution over as many dimensions as the kernel has; weight [outputs, inputs / groups, …kernel]. */
export function conv(
  name: string,
  inputs: number,
  outputs: number,
  kernel: readonly number[],
  options: ConvOptions = {},
): Module {
  const { bias = true, groups = 1 } = options;
  return {
    class: options.class ?? `Conv${kernel.length}d`,
    name,
    tensors: [
      { name: "weight", shape: [outputs, inputs / groups, ...kernel] },
      ...(bias ? [{ name: "bias", shape: [outputs] }] : []),
    ],
    children: [],
  };
}

/** Transposed convolution (upsampling): weight [inputs, outputs / groups, kernel]. */
export function convTranspose1d(
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  options: ConvOptions = {},
): Module {
  const { bias = true, groups = 1 } = options;
  return {
    class: options.class ?? "ConvTranspose1d",
    name,
    tensors: [
      { name: "weight", shape: [inputs, outputs / groups, kernel] },
      ...(bias ? [{ name: "bias", shape: [outputs] }] : []),
    ],
    children: [],
  };
}

/** Two-dimensional convolution; weight [outputs, inputs / groups, height, width]; a single kernel size is a square. */
export function conv2d(
  name: string,
  inputs: number,
  outputs: number,
  kernel: number | readonly [number, number],
  options: ConvOptions = {},
): Module {
  const { bias = true, groups = 1 } = options;
  const [height, width] = typeof kernel === "number" ? [kernel, kernel] : kernel;
  return {
    class: options.class ?? "Conv2d",
    name,
    tensors: [
      { name: "weight", shape: [outputs, Math.floor(inputs / groups), height, width] },
      ...(bias ? [{ name: "bias", shape: [outputs] }] : []),
    ],
    children: [],
  };
}
