import { InputError, nearest } from "../../errors.ts";
import type { Component, Module } from "../../tree/module.ts";
import { elements, elementsPerRank } from "../../tree/tensor.ts";
import { walk } from "../../tree/walk.ts";
import type { Setup } from "../engine.ts";
import type { Optimizer, Training } from "./options.ts";

/** A tensor that learns: `copies` of it, by shape. */
export interface Learned {
  readonly shape: readonly number[];
  readonly copies: number;
  /** Elements of one copy on one tensor-parallel rank. */
  readonly elements: number;
  readonly component: Component | undefined;
}

/**
 * Every parameter, or for LoRA two matrices for each targeted linear layer: A [rank, inputs] and B [outputs, rank]
 * (Hu et al. 2021, section 4.1). Tensor parallelism cuts B as it cuts the layer's rows, A as it cuts its inputs.
 */
export function learned(root: Module, training: Training, setup: Setup): readonly Learned[] {
  return training.method === "full" ? parameters(root, setup) : adapters(root, training, setup);
}

function parameters(root: Module, { tensorParallel }: Setup): Learned[] {
  const out: Learned[] = [];
  walk(root, ({ tensors }, { copies, component }) => {
    for (const tensor of tensors)
      if (tensor.tiedTo === undefined)
        out.push({
          shape: tensor.shape,
          copies,
          elements: elementsPerRank(tensor, tensorParallel),
          component,
        });
  });
  return out;
}

/** Last part of a linear layer's name, by which adapters are targeted. */
const shortName = ({ name }: Module): string => name.split(".").at(-1) ?? name;

/** Classes that PEFT's `all-linear` takes (tuners_utils.py): routers of experts have classes of their own. */
const ADAPTED: ReadonlySet<string> = new Set(["Linear", "Conv1D"]);

/** Whether an adapter goes on this module. */
export const isTargeted = (module: Module, { method, loraTargets }: Training): boolean =>
  method === "lora" &&
  module.op?.kind === "linear" &&
  ADAPTED.has(module.class) &&
  (loraTargets === undefined || loraTargets.includes(shortName(module)));

function adapters(root: Module, training: Training, setup: Setup): Learned[] {
  const { loraRank, loraTargets } = training;
  const out: Learned[] = [];
  const names = new Set<string>();
  walk(root, (module, { copies, component }) => {
    if (module.op?.kind !== "linear") return;
    const weight = module.tensors.find(({ name }) => name === "weight");
    const name = shortName(module);
    const [outputs, inputs] = weight?.shape ?? [];
    if (!weight || outputs === undefined || inputs === undefined) return;
    names.add(name);
    if (!isTargeted(module, training)) return;
    const { tensorParallel } = setup;
    for (const [dim, shape] of [
      [1, [loraRank, inputs]],
      [0, [outputs, loraRank]],
    ] as const) {
      const { cut } = weight;
      const share = cut?.dim === dim ? Math.ceil(cut.units / tensorParallel) / cut.units : 1;
      out.push({ shape, copies, elements: elements(shape) * share, component });
    }
  });
  const missing = loraTargets?.find((target) => !names.has(target));
  if (missing !== undefined || out.length === 0) {
    throw new InputError(
      "unknown-option",
      missing === undefined
        ? "The model has no linear layer that an adapter could be put on: use --method full."
        : `--lora-targets names ${JSON.stringify(missing)}, but no linear layer is called that (nearest: ${nearest(missing, names).join(", ")}).`,
      "loraTargets",
    );
  }
  return out;
}

/** Tensors with fewer elements keep their states in 32 bits (bitsandbytes, optim/optimizer.py, `min_8bit_size`). */
const MIN_8BIT = 4096;
/** Elements that share one fp32 scale in a blockwise 8-bit state (bitsandbytes, optim/optimizer.py, `blocksize`). */
const BLOCK_8BIT = 256;

export const OPTIMIZER_SOURCES: Readonly<Record<Optimizer, string>> = {
  adamw:
    "two moments for every parameter, in the dtype of what it works on: fp32 master weights or adapters, else the weights' own (torch/optim/adam.py, zeros_like; Kingma and Ba 2015, Loshchilov and Hutter 2019)",
  "adamw-8bit":
    "two 8-bit moments, an fp32 scale for 256 of each (Dettmers et al. 2022); tensors under 4096 elements in 32 bits",
  adafactor:
    "a sum for every row and column of a matrix, one for every element of a vector, no momentum (Shazeer and Stern 2018)",
  sgd: "no state",
  "sgd-momentum":
    "one velocity for every parameter, in the dtype of what it works on (torch/optim/sgd.py)",
};

/** Bytes of the optimiser's states for one copy of a tensor; `size`: of an element of what the optimiser works on. */
export function stateBytes(optimizer: Optimizer, tensor: Learned, size: number): number {
  const { elements: count, shape } = tensor;
  switch (optimizer) {
    case "adamw":
      return 2 * size * count;
    case "adamw-8bit":
      return count < MIN_8BIT ? 2 * 4 * count : 2 * (count + 4 * Math.ceil(count / BLOCK_8BIT));
    case "adafactor": {
      if (shape.length < 2) return 4 * count;
      const rows = elements(shape.slice(0, -1));
      const columns = elements([...shape.slice(0, -2), ...shape.slice(-1)]);
      return 4 * (rows + columns);
    }
    case "sgd":
      return 0;
    case "sgd-momentum":
      return size * count;
    default:
      return optimizer satisfies never;
  }
}
