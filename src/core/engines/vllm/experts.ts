import type { Module } from "../../tree/module.ts";
import type { Tensor } from "../../tree/tensor.ts";
import type { Setup } from "../engine.ts";

/**
 * The tree with routed experts as the fullest rank holds them. They are divided among tensor- and data-parallel ranks alike
 * (`fused_moe/config.py`, FusedMoEParallelConfig): whole experts under `--enable-expert-parallel`, what does not divide one
 * each for the first ranks (`determine_expert_map`); else the inner width of every expert. Nothing is left to cut of them.
 */
export function dividedExperts(root: Module, setup: Setup): Module {
  const { dataParallelSize = 1, enableExpertParallel = false } = setup.server;
  const ranks = setup.tensorParallel * dataParallelSize;
  if (ranks === 1 || (dataParallelSize === 1 && !enableExpertParallel)) return root;
  const divided = (tensor: Tensor): Tensor => {
    if (!tensor.routed) return tensor;
    const { cut, ...whole } = tensor;
    const { of } = tensor.routed;
    if (enableExpertParallel) return { ...whole, shape: scaled(tensor.shape, 0, of, ranks) };
    return cut ? { ...whole, shape: scaled(tensor.shape, cut.dim, cut.units, ranks) } : tensor;
  };
  const visit = (module: Module): Module => ({
    ...module,
    tensors: module.tensors.map(divided),
    children: module.children.map(visit),
  });
  return visit(root);
}

/** A shape of which `dim` has `units` pieces: as many as the fullest of `ranks` gets. */
const scaled = (shape: readonly number[], dim: number, units: number, ranks: number): number[] =>
  shape.map((size, at) => (at === dim ? (size / units) * Math.ceil(units / ranks) : size));
