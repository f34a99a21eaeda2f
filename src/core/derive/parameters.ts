import { InputError } from "../errors.ts";
import type { Component, Module } from "../tree/module.ts";
import { elements, elementsPerRank } from "../tree/tensor.ts";
import { joined, walk } from "../tree/walk.ts";

export interface ParameterCount {
  readonly total: number;
  /** Parameters by component; only those that the model has. They sum to `total`. */
  readonly components: Readonly<Partial<Record<Component, number>>>;
}

/**
 * Parameters of a tree: every tensor counted as often as its stack has copies, a tied one not at all.
 * @param ranks tensor-parallel ranks: what the fullest of them holds.
 * @throws InputError where the sizes of a config multiply to more than can be counted exactly.
 */
export function countParameters(root: Module, ranks = 1): ParameterCount {
  const components: Partial<Record<Component, number>> = {};
  let total = 0;
  walk(root, (module, place) => {
    let own = 0;
    for (const tensor of module.tensors) {
      if (tensor.tiedTo === undefined) own += elementsPerRank(tensor, ranks);
    }
    if (own === 0) return;
    const component = place.component;
    if (component === undefined) throw new Error(`${place.path()} has parameters but no component`);
    components[component] = (components[component] ?? 0) + own * place.copies;
    total += own * place.copies;
  });
  if (!Number.isSafeInteger(total)) {
    throw new InputError(
      "too-large",
      `The sizes in this config multiply to ${total.toPrecision(3)} parameters, more than can be counted exactly: at least one of them must be wrong.`,
    );
  }
  return { total, components };
}

export interface ActiveParameters {
  /** What one token goes through: everything, but of the experts only those that are picked for it. */
  readonly active: number;
  /** How much of it are tables, of which a token reads a row; some makers leave them out. A tied head counts as no table. */
  readonly tables: number;
}

/** Parameters that one token meets, by how every tensor says that its experts lie in it. */
export function countActiveParameters(root: Module): ActiveParameters {
  let active = 0;
  let tables = 0;
  const shared = new Set<string>();
  walk(root, (module) => {
    for (const { tiedTo } of module.tensors) if (tiedTo !== undefined) shared.add(tiedTo);
  });
  walk(root, (module, place) => {
    for (const tensor of module.tensors) {
      if (tensor.tiedTo !== undefined) continue;
      const all = elements(tensor.shape) * place.copies;
      const { routed } = tensor;
      const met = routed ? (all / routed.of) * Math.min(routed.picked, routed.of) : all;
      active += met;
      if (module.op?.kind === "embedding" && !shared.has(joined(place.path(), tensor.name)))
        tables += met;
    }
  });
  return { active, tables };
}

export interface TensorTable {
  /** Name patterns (`layers.{0-31}.fc1.weight`) and shapes, in checkpoint order. */
  readonly tensors: readonly (readonly [name: string, shape: readonly number[]])[];
  readonly tied: readonly (readonly [name: string, owner: string])[];
}

/** Every tensor by its name in the reference implementation. */
export function tensorTable(root: Module): TensorTable {
  const tensors: [string, readonly number[]][] = [];
  const tied: [string, string][] = [];
  walk(root, (module, place) => {
    for (const tensor of module.tensors) {
      const name = joined(place.path(), tensor.name);
      if (tensor.tiedTo === undefined) tensors.push([name, tensor.shape]);
      else tied.push([name, tensor.tiedTo]);
    }
  });
  return { tensors, tied };
}

export interface DeviceBufferRow {
  readonly name: string;
  readonly elements: number;
  readonly dtype: string;
  readonly persistent: boolean;
  readonly component: Component | undefined;
}

/** What lives on the device besides parameters: batch-norm statistics, rotary frequencies, position tables. */
export function deviceBuffers(root: Module): readonly DeviceBufferRow[] {
  const rows: DeviceBufferRow[] = [];
  walk(root, (module, place) => {
    for (const buffer of module.buffers ?? []) {
      rows.push({
        name: joined(place.path(), buffer.name),
        elements: elements(buffer.shape) * place.copies,
        dtype: buffer.dtype,
        persistent: buffer.persistent,
        component: place.component,
      });
    }
  });
  return rows;
}
