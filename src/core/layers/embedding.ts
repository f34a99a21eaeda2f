import type { Dtype } from "../dtype.ts";
import type { Component, Module } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";

interface EmbeddingOptions {
  readonly component?: Component;
  readonly class?: string;
  /** Divided by rows under tensor parallelism (token tables are, position tables are not). */
  readonly divided?: boolean;
  readonly buffers?: readonly DeviceBuffer[];
  /** Where the table keeps this dtype whatever the model's is. */
  readonly dtype?: Dtype;
}

/** A table of `rows` vectors. */
export function embedding(
  name: string,
  rows: number,
  width: number,
  options: EmbeddingOptions = {},
): Module {
  return {
    class: options.class ?? "Embedding",
    name,
    tensors: [
      {
        name: "weight",
        shape: [rows, width],
        ...(options.divided && { cut: { dim: 0, units: rows } }),
        ...(options.dtype && { dtype: options.dtype }),
      },
    ],
    op: { kind: "embedding", width },
    children: [],
    ...(options.component && { component: options.component }),
    ...(options.buffers && { buffers: options.buffers }),
  };
}
