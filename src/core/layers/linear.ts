import type { Component, Module } from "../tree/module.ts";
import type { Cut, Tensor } from "../tree/tensor.ts";

/**
 * How a matrix is divided by tensor parallelism (Megatron-LM, section 3):
 * by its output rows ("columns"), by its inputs ("rows", where ranks sum their results), or not at all.
 * `units` is how many pieces there are, where that is fewer than rows: attention heads.
 */
export interface Division {
  readonly by: "columns" | "rows";
  readonly units?: number;
}

export interface LinearOptions {
  readonly bias?: boolean;
  readonly divide?: Division;
  readonly class?: string;
  readonly component?: Component;
  /** Stored as [inputs, outputs]: GPT-2's `Conv1D`. */
  readonly transposed?: boolean;
  /** Full name of the matrix that this one shares (a head that is tied to the embedding). */
  readonly tiedTo?: string;
}

/** `y = x Wᵀ + b`; weight [outputs, inputs], bias [outputs] unless `bias: false`. */
export function linear(
  name: string,
  inputs: number,
  outputs: number,
  options: LinearOptions = {},
): Module {
  const { bias = true, divide, tiedTo, transposed = false } = options;
  const weightCut: Cut | undefined = divide && {
    dim: (divide.by === "columns") === transposed ? 1 : 0,
    units: divide.units ?? (divide.by === "columns" ? outputs : inputs),
  };
  const biasCut: Cut | undefined =
    divide?.by === "columns" ? { dim: 0, units: divide.units ?? outputs } : undefined;
  const tensors: Tensor[] = [
    {
      name: "weight",
      shape: transposed ? [inputs, outputs] : [outputs, inputs],
      ...(weightCut && { cut: weightCut }),
      ...(tiedTo !== undefined && { tiedTo }),
    },
  ];
  if (bias) tensors.push({ name: "bias", shape: [outputs], ...(biasCut && { cut: biasCut }) });
  return {
    class: options.class ?? (transposed ? "Conv1D" : "Linear"),
    name,
    tensors,
    op: { kind: "linear", width: outputs },
    children: [],
    ...(options.component && { component: options.component }),
  };
}
