import { bytesOf } from "../../dtype.ts";
import type { Module } from "../../tree/module.ts";
import type { Tensor } from "../../tree/tensor.ts";
import { walk } from "../../tree/walk.ts";
import type { Setup } from "../engine.ts";
import { towersOf } from "../transformers/tower.ts";

/** `LoRAConfig.max_lora_rank` of vLLM. */
const DEFAULT_MAX_RANK = 16;

export const LORA_SOURCE =
  "vLLM, lora/layers/base_linear.py, create_lora_weights: lora_a_stacked and lora_b_stacked of every linear layer, for max_loras adapters of max_lora_rank; lora/layers/fused_moe.py, the same for every routed expert";

/**
 * The adapters' slots, which are there before any adapter is: for every linear layer of the language model
 * max_loras × rank × (inputs + outputs), in the model's dtype. Where ranks share a layer, the side that they divide is
 * divided: B of layers cut by rows of outputs, A of those cut by inputs; `--fully-sharded-loras` divides the other side too.
 * Every routed expert has slots of its own, gate and value one each. Slots of embeddings and head, which models have that state
 * `embedding_modules`, are not counted.
 */
export function loraSlotBytes(tree: Module, setup: Setup): number {
  const { maxLoras, maxLoraRank = DEFAULT_MAX_RANK, fullyShardedLoras } = setup.server;
  if (maxLoras === undefined) return 0;
  const ranks = setup.tensorParallel;
  let elements = 0;
  for (const tower of towersOf(tree)) {
    if (tower.op.side !== "decoder" || tower.op.servedWhole) continue;
    walk(tower.module, ({ op, tensors }, { copies }) => {
      for (const tensor of tensors) elements += copies * expertElements(tensor, maxLoraRank, setup);
      if (op?.kind !== "linear") return;
      const weight = tensors.find(({ name }) => name === "weight");
      const [outputs, inputs] = weight?.shape ?? [];
      if (outputs === undefined || inputs === undefined) return;
      const cut = weight?.cut;
      const share = cut ? Math.ceil(cut.units / ranks) / cut.units : 1;
      const other = cut && fullyShardedLoras ? 1 / ranks : 1;
      const a = maxLoraRank * inputs * (cut?.dim === 1 ? share : other);
      const b = outputs * maxLoraRank * (cut?.dim === 0 ? share : other);
      elements += copies * (Math.ceil(a) + Math.ceil(b));
    });
  }
  return maxLoras * elements * bytesOf(setup.compute);
}

/**
 * Slots beside the stacked matrices of all experts: for each slice (gate and value are one matrix and two slices) a side that
 * ranks divide, and one that they share unless `--fully-sharded-loras` divides it too.
 */
function expertElements({ shape, cut }: Tensor, rank: number, setup: Setup): number {
  const [experts, second, third] = shape;
  if (experts === undefined || second === undefined || third === undefined) return 0;
  if (shape.length !== 3 || cut === undefined || cut.dim === 0) return 0;
  const [divided, shared] = cut.dim === 1 ? [second, third] : [third, second];
  const slices = divided / cut.units;
  const here = slices * Math.ceil(cut.units / setup.tensorParallel);
  const other = setup.server.fullyShardedLoras ? Math.ceil(shared / setup.tensorParallel) : shared;
  return experts * rank * (slices * other + here);
}
