import { deviceBuffers } from "../../derive/parameters.ts";
import { bytesOf, findDtype } from "../../dtype.ts";
import { storedBytes, storedTensors } from "../../quantization/stored.ts";
import { type Indices, ranges } from "../../tree/indices.ts";
import type { Module } from "../../tree/module.ts";
import { layerStacks, type Share } from "../../tree/share.ts";
import { walk } from "../../tree/walk.ts";
import type { Setup } from "../engine.ts";

/** A module as `infer_auto_device_map` sees it. */
interface Node {
  readonly bytes: number;
  readonly children: readonly Node[];
  /** What lies on the device that takes the node whole: a layer by its position, or what a module owns. */
  readonly unit?: { readonly module: Module; readonly layer?: number };
}

/** What each device holds: positions of layers by their stack, and modules. */
export interface Held {
  readonly layers: Map<Module, number[]>;
  readonly modules: Set<Module>;
}

/**
 * What `device_map="auto"` puts on each of several equal devices (transformers, integrations/accelerate.py): every device but
 * the last may take an equal share and 1.25 times the largest layer or table; modules are placed in the order of the
 * checkpoint, cut where they do not fit, layers never; the first device keeps room for the largest layer still to come. A head
 * that shares the token table goes where the table is.
 * @param memory of one device, where it is known: no device takes more.
 */
export function deviceMap(
  root: Module,
  setup: Setup,
  devices: number,
  memory = Number.POSITIVE_INFINITY,
): readonly Held[] {
  const whole = nodeOf(root, setup);
  const units = leaves(whole);
  const largest = Math.max(0, ...units.map(({ bytes }) => bytes));
  const room = Math.min(memory, Math.floor(whole.bytes / devices) + Math.floor(1.25 * largest));
  const held = Array.from(
    { length: devices },
    (): Held => ({ layers: new Map(), modules: new Set() }),
  );
  const used = new Array<number>(devices).fill(0);
  const waiting = [...whole.children];
  let device = 0;
  for (let node = waiting.shift(); node; node = waiting.shift()) {
    const last = device === devices - 1;
    const reserve = device === 0 && !last ? largestOf(waiting) : 0;
    if (last || (used[device] ?? 0) + node.bytes <= room - reserve) {
      used[device] = (used[device] ?? 0) + node.bytes;
      for (const leaf of leaves(node)) if (leaf.unit) place(held[device], leaf.unit);
    } else if (node.children.length > 0) waiting.unshift(...node.children);
    else {
      device += 1;
      waiting.unshift(node);
    }
  }
  for (const [module, owner] of borrowers(root)) {
    for (const { modules } of held) {
      if (modules.has(owner)) modules.add(module);
      else modules.delete(module);
    }
  }
  return held;
}

/** Modules that own nothing of their own, and whose tensors they use. */
function borrowers(root: Module): readonly (readonly [Module, Module])[] {
  const byPath = new Map<string, Module>();
  walk(root, (module, place) => byPath.set(place.path(), module));
  return [...byPath.values()].flatMap((module) => {
    const [tensor] = module.tensors;
    if (!tensor || module.tensors.some(({ tiedTo }) => tiedTo === undefined)) return [];
    const owner = byPath.get(tensor.tiedTo?.replace(/\.[^.]*$/, "") ?? "");
    return owner ? [[module, owner] as const] : [];
  });
}

function place(held: Held | undefined, { module, layer }: NonNullable<Node["unit"]>): void {
  if (!held) return;
  if (layer === undefined) held.modules.add(module);
  else held.layers.set(module, [...(held.layers.get(module) ?? []), layer]);
}

/** What a device holds, as a share of the tree. Modules without tensors cost nothing and are everywhere. */
export function shareOn({ layers, modules }: Held): Share {
  return {
    layers: (stack): Indices => ranges((layers.get(stack) ?? []).sort((a, b) => a - b)),
    holds: (module) => modules.has(module) || owns(module) === false,
  };
}

const owns = ({ tensors, buffers }: Module): boolean =>
  tensors.length > 0 || (buffers?.length ?? 0) > 0;

const leaves = (node: Node): readonly Node[] =>
  node.children.length === 0 ? [node] : node.children.flatMap(leaves);

const largestOf = (nodes: readonly Node[]): number =>
  Math.max(0, ...nodes.flatMap(leaves).map(({ bytes }) => bytes));

function nodeOf(root: Module, setup: Setup): Node {
  const stacks = new Set(layerStacks(root));
  const one = { ...setup, tensorParallel: 1 };
  const sizeOf = (module: Module): number => {
    const tree: Module = { component: "model", ...module };
    let size = storedBytes(storedTensors(tree, one));
    for (const { elements, dtype } of deviceBuffers(tree))
      size += elements * bytesOf(dtype === "model" ? one.compute : (findDtype(dtype) ?? "fp32"));
    return size;
  };
  const visit = (module: Module): Node => {
    const own = owns(module)
      ? [{ bytes: sizeOf({ ...module, children: [] }), children: [], unit: { module } }]
      : [];
    const lists = new Map<string, Node[]>();
    const children: Node[] = [...own];
    for (const child of module.children) {
      if (!stacks.has(child)) {
        children.push(visit(child));
        continue;
      }
      const { indices = [], ...layer } = child;
      const bytes = sizeOf(layer);
      let list = lists.get(child.name);
      if (!list) {
        list = [];
        lists.set(child.name, list);
        // Filled below: kinds of layers that take turns come in the order of their positions.
        children.push({ bytes: 0, children: list });
      }
      for (const [first, last] of indices)
        for (let at = first; at <= last; at++)
          list.push({ bytes, children: [], unit: { module: child, layer: at } });
    }
    for (const list of lists.values())
      list.sort((a, b) => (a.unit?.layer ?? 0) - (b.unit?.layer ?? 0));
    return summed(children);
  };
  return visit(root);
}

function summed(children: readonly Node[]): Node {
  const inner = children.map((child) =>
    child.unit
      ? child
      : { ...child, bytes: child.children.reduce((sum, { bytes }) => sum + bytes, 0) },
  );
  const [only] = inner;
  if (inner.length === 1 && only?.unit) return only;
  return { bytes: inner.reduce((sum, { bytes }) => sum + bytes, 0), children: inner };
}
