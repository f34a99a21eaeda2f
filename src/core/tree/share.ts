import { type Indices, inBoth } from "./indices.ts";
import type { Module } from "./module.ts";

/** One device's share of a model whose layers lie on several devices. */
export interface Share {
  /** The positions that the device holds of a stack of layers. */
  readonly layers: (stack: Module) => Indices;
  /** Whether it holds what a module owns that is no layer. */
  readonly holds: (module: Module) => boolean;
}

/**
 * The tree as one device holds it: layers outside its share are gone, and so is what other modules own. A tensor that is
 * tied to one of another device is a copy of its own there.
 */
export function shareOf(root: Module, share: Share): Module {
  const stacks = new Set(layerStacks(root));
  const visit = (module: Module): Module | undefined => {
    if (stacks.has(module)) {
      const indices = inBoth(module.indices ?? [], share.layers(module));
      return indices.length === 0 ? undefined : { ...module, indices };
    }
    const children = module.children.map(visit).filter((child) => child !== undefined);
    // A tower without its layers does not run here.
    if (module.op?.kind === "tower" && emptied(module, children)) {
      const { op: _, ...rest } = module;
      return share.holds(module) ? { ...rest, children } : { ...rest, tensors: [], children };
    }
    if (share.holds(module)) return { ...module, children };
    const { tensors: _, buffers, op, state, ...rest } = module;
    return { ...rest, tensors: [], children };
  };
  return visit(root) ?? { ...root, tensors: [], children: [] };
}

const emptied = (tower: Module, left: readonly Module[]): boolean =>
  layerStacks(tower).length > 0 &&
  left.every((child) => layerStacks(child).length === 0 && !child.indices);

/**
 * The stacks that devices divide: outermost modules with indices that are layers, or hold some (a block of several
 * layers, a layer without an op but with something to remember).
 */
export function layerStacks(root: Module): readonly Module[] {
  const found: Module[] = [];
  const visit = (module: Module): void => {
    if (module.indices && isLayer(module)) found.push(module);
    else module.children.forEach(visit);
  };
  visit(root);
  return found;
}

const isLayer = ({ op, state, children }: Module): boolean =>
  op?.kind === "layer" || state !== undefined || children.some(isLayer);

/** Stacks of one list of layers: kinds of layers that take turns (`layers.{0,2}`, `layers.{1,3}`) are one list. */
export function layerLists(
  root: Module,
): readonly { readonly parent: Module; readonly stacks: readonly Module[] }[] {
  const stacks = new Set(layerStacks(root));
  const lists: { parent: Module; stacks: readonly Module[] }[] = [];
  const visit = (module: Module): void => {
    const byName = new Map<string, Module[]>();
    for (const child of module.children) {
      if (!stacks.has(child)) {
        visit(child);
        continue;
      }
      const list = byName.get(child.name);
      if (list) list.push(child);
      else byName.set(child.name, [child]);
    }
    for (const list of byName.values()) lists.push({ parent: module, stacks: list });
  };
  visit(root);
  return lists;
}

/** One more than the highest position. */
export const layersIn = (stacks: readonly Module[]): number =>
  Math.max(0, ...stacks.flatMap(({ indices = [] }) => indices.map(([, last]) => last + 1)));

/** Whether layers use each other's tensors, so that they must lie on one device. */
export function shareWeights(stacks: readonly Module[]): boolean {
  const shares = ({ tensors, children }: Module): boolean =>
    tensors.some(({ tiedTo }) => tiedTo !== undefined) || children.some(shares);
  return stacks.some(shares);
}
