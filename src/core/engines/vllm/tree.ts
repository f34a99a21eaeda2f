import type { Module } from "../../tree/module.ts";
import type { Tensor } from "../../tree/tensor.ts";

/** Sub-models that vLLM does not load: it serves what understands and writes, not what speaks. */
const SKIPPED: ReadonlySet<string> = new Set(["talker", "code2wav", "lora", "vocoder"]);

const PADDING = 64;

/**
 * The tree as vLLM holds it: sub-models that it skips are gone, vocabularies padded to a multiple of 64
 * (`VocabParallelEmbedding`), and attention whose keys have no bias gets one, because q, k and v are one matrix with one bias.
 * Towers that vLLM runs as the reference built them stay as they are, whole on every rank.
 */
export function servedTree(module: Module, minor: number, whole = false): Module {
  const kept = whole || isWhole(module, minor);
  return {
    ...module,
    tensors: module.tensors.map((tensor) => served(tensor, module, kept)),
    children: module.children
      .filter(({ component }) => component === undefined || !SKIPPED.has(component))
      .map((child) => servedTree(kept ? child : withKeyBias(module, child), minor, kept)),
  };
}

function isWhole({ op }: Module, minor: number): boolean {
  const whole = op?.kind === "tower" ? op.servedWhole : undefined;
  return typeof whole === "object" ? minor < whole.before : (whole ?? false);
}

function served(tensor: Tensor, module: Module, kept: boolean): Tensor {
  if (kept) {
    const { cut: _cut, ...rest } = tensor;
    return rest;
  }
  const vocabulary = module.op?.kind === "head" || module.op?.kind === "embedding";
  const [rows = 0, ...rest] = tensor.shape;
  if (!vocabulary || tensor.cut?.dim !== 0) return tensor;
  const padded = Math.ceil(rows / PADDING) * PADDING;
  return { ...tensor, shape: [padded, ...rest], cut: { dim: 0, units: padded } };
}

/** The key projection gets a bias of zeros where queries have one. */
function withKeyBias(parent: Module, child: Module): Module {
  if (parent.op?.kind !== "attention" || child.name !== "k_proj") return child;
  const queries = parent.children.find(({ name }) => name === "q_proj");
  const biased = (module: Module | undefined) =>
    module?.tensors.some(({ name }) => name === "bias") ?? false;
  const weight = child.tensors.find(({ name }) => name === "weight");
  if (!biased(queries) || biased(child) || !weight) return child;
  const [rows = 0] = weight.shape;
  return {
    ...child,
    tensors: [
      ...child.tensors,
      {
        name: "bias",
        shape: [rows],
        ...(weight.cut && { cut: { dim: 0, units: weight.cut.units } }),
      },
    ],
  };
}
