import type { Module } from "../tree/module.ts";
import type { Tensor } from "../tree/tensor.ts";

/** One-dimensional transposed convolution; weight [inputs, outputs / groups, kernel]: the other way round than a convolution. */
export function convTranspose1d(
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  options: { readonly bias?: boolean; readonly groups?: number } = {},
): Module {
  const { bias = true, groups = 1 } = options;
  return {
    class: "ConvTranspose1d",
    name,
    tensors: [
      { name: "weight", shape: [inputs, outputs / groups, kernel] },
      ...(bias ? [{ name: "bias", shape: [outputs] }] : []),
    ],
    children: [],
  };
}

/**
 * The same module with its weight split into length and direction (Salimans and Kingma 2016), as PyTorch's
 * `parametrizations.weight_norm` stores it: `original0` has one length for each index of `dim`, `original1` the weight's shape.
 */
export function weightNormed(inner: Module, dim = 0): Module {
  const split = (tensor: Tensor): Tensor[] => [
    {
      name: "parametrizations.weight.original0",
      shape: tensor.shape.map((size, at) => (at === dim ? size : 1)),
    },
    { name: "parametrizations.weight.original1", shape: tensor.shape },
  ];
  return {
    ...inner,
    class: `Parametrized${inner.class}`,
    tensors: [
      ...inner.tensors.filter(({ name }) => name !== "weight"),
      ...inner.tensors.filter(({ name }) => name === "weight").flatMap(split),
    ],
  };
}
