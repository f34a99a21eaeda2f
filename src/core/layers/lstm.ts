import type { Module } from "../tree/module.ts";

/** PyTorch's LSTM, `layers` deep and as wide as its input: four gates in one matrix, for the input and for the state. */
export function lstm(name: string, width: number, layers: number): Module {
  return {
    class: "LSTM",
    name,
    tensors: Array.from({ length: layers }, (_, layer) => [
      { name: `weight_ih_l${layer}`, shape: [4 * width, width] },
      { name: `weight_hh_l${layer}`, shape: [4 * width, width] },
      { name: `bias_ih_l${layer}`, shape: [4 * width] },
      { name: `bias_hh_l${layer}`, shape: [4 * width] },
    ]).flat(),
    children: [],
  };
}
