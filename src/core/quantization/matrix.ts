import type { Tensor } from "../tree/tensor.ts";
import type { Matrix } from "./scheme.ts";

/**
 * A tensor as matrices of outputs × inputs on the fullest of `ranks` ranks: rank 2 as it is, rank 3 one for every expert.
 * Experts are laid down as [experts, outputs, inputs], or with the last two swapped (Llama 4, gpt-oss), which the cut
 * tells: tensor parallelism divides the outputs of the first matrix and the inputs of `down_proj`.
 */
export function matrixOf({ name, shape, cut }: Tensor, ranks: number): Matrix {
  const perRank = (dim: number): number => {
    const size = shape[dim] ?? 1;
    if (ranks === 1 || cut?.dim !== dim) return size;
    return (size / cut.units) * Math.ceil(cut.units / ranks);
  };
  if (shape.length !== 3) {
    const last = shape.length - 1;
    let rows = 1;
    for (let dim = 0; dim < last; dim++) rows *= perRank(dim);
    const columns = last >= 0 ? perRank(last) : 1;
    return { rows, columns, allColumns: shape[last] ?? 1, count: 1, pieces: 1 };
  }
  const inputs = name === "down_proj" ? (cut?.dim ?? 2) : cut?.dim === 2 ? 1 : 2;
  return {
    rows: perRank(inputs === 2 ? 1 : 2),
    columns: perRank(inputs),
    allColumns: shape[inputs] ?? 1,
    count: perRank(0),
    pieces: name.startsWith("gate_up") ? 2 : 1,
  };
}
