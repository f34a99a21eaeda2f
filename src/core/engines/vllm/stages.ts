import { InputError } from "../../errors.ts";
import type { Indices } from "../../tree/indices.ts";
import type { Module } from "../../tree/module.ts";
import { layerLists, layersIn, type Share, shareOf, shareWeights } from "../../tree/share.ts";
import { walk } from "../../tree/walk.ts";
import { towersOf } from "../transformers/tower.ts";

/** What one stage of a pipeline holds. */
export interface StageTree {
  readonly tree: Module;
  /** First and last layer of the language model; undefined where nothing is divided. */
  readonly layers: readonly [first: number, last: number] | undefined;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/**
 * Layers of each stage (`distributed/utils.py`, get_pp_indices): as many for all, and what is left over one each to the last
 * but one and those before it, because the last stage has the head.
 */
export function stageLayers(layers: number, stages: number): readonly number[] {
  const counts = new Array<number>(stages).fill(Math.floor(layers / stages));
  for (let i = 2; i < (layers % stages) + 2; i++)
    counts[stages - i] = (counts[stages - i] ?? 0) + 1;
  return counts;
}

/**
 * The tree of every stage: the first has the token table, the last the final norm and the head (and the token table where
 * they share it); encoders and projectors are built by all.
 * @throws InputError where the model cannot be divided so.
 */
export function stageTrees(tree: Module, stages: number): readonly StageTree[] {
  if (stages === 1) return [{ tree, layers: undefined, isFirst: true, isLast: true }];
  const decoder = towersOf(tree).find(({ op }) => op.side === "decoder")?.module;
  const list = decoder && layerLists(decoder)[0];
  const layers = list ? layersIn(list.stacks) : 0;
  if (!decoder || !list || layers < stages) {
    throw refused(
      `--pipeline-parallel-size is ${stages}, but the language model has ${layers} layers: every stage needs one.`,
    );
  }
  if (shareWeights(list.stacks)) {
    throw refused(
      "--pipeline-parallel-size cannot divide this model, because its layers share weights: use --tensor-parallel-size.",
    );
  }
  const inside = around(decoder, list.stacks);
  const table = tableOf(tree);
  const others = new Set(layerLists(tree).flatMap(({ stacks }) => stacks));
  for (const stack of list.stacks) others.delete(stack);
  let start = 0;
  return stageLayers(layers, stages).map((count, stage) => {
    const [first, last] = [start, start + count - 1];
    start += count;
    const [isFirst, isLast] = [stage === 0, stage === stages - 1];
    const share: Share = {
      layers: (stack): Indices => (others.has(stack) ? (stack.indices ?? []) : [[first, last]]),
      holds: (module) => {
        if (module.op?.kind === "head") return isLast;
        const side = inside.get(module);
        if (side === undefined || module.tensors.length === 0) return true;
        if (side === "after") return isLast;
        return isFirst || (isLast && module === table);
      },
    };
    return { tree: shareOf(tree, share), layers: [first, last], isFirst, isLast };
  });
}

const refused = (sentence: string): InputError =>
  new InputError("inconsistent", sentence, "pipelineParallelSize");

/** What lies in the language model before and after its layers, in the order in which it runs. */
function around(
  decoder: Module,
  stacks: readonly Module[],
): ReadonlyMap<Module, "before" | "after"> {
  const found = new Map<Module, "before" | "after">();
  let side: "before" | "after" = "before";
  const visit = (module: Module): void => {
    if (stacks.includes(module)) {
      side = "after";
      return;
    }
    // A tower inside the language model (Phi-4-multimodal's) is built by all stages, as others are.
    if (module.op?.kind === "tower") return;
    found.set(module, side);
    module.children.forEach(visit);
  };
  decoder.children.forEach(visit);
  return found;
}

/** The token table that the head shares, if it does. */
function tableOf(tree: Module): Module | undefined {
  let shared: string | undefined;
  walk(tree, ({ op, tensors }) => {
    if (op?.kind === "head") shared ??= tensors.find(({ tiedTo }) => tiedTo !== undefined)?.tiedTo;
  });
  let table: Module | undefined;
  walk(tree, (module, place) => {
    if (shared?.startsWith(`${place.path()}.`) && module.tensors.length > 0) table = module;
  });
  return table;
}
