import { countOf, printIndices } from "./indices.ts";
import type { Component, Module } from "./module.ts";

/** Where the walk is. `path` is made only when asked for: most folds never need a name. */
export interface Place {
  readonly component: Component | undefined;
  /** How many copies of this module the model has. */
  readonly copies: number;
  path(): string;
  readonly parent: Place | undefined;
}

/** Calls `visit` for every module of the tree, parents first, a stack once. */
export function walk(root: Module, visit: (module: Module, place: Place) => void): void {
  descend(root, undefined, visit);
}

function descend(
  module: Module,
  parent: Place | undefined,
  visit: (module: Module, place: Place) => void,
): void {
  const place: Place = {
    component: module.component ?? parent?.component,
    copies: (parent?.copies ?? 1) * (module.indices ? countOf(module.indices) : 1),
    parent,
    path: () => joined(parent?.path() ?? "", segment(module)),
  };
  visit(module, place);
  for (const child of module.children) descend(child, place, visit);
}

/** "layers.{0-31}" */
export function segment(module: Module): string {
  return module.indices ? joined(module.name, printIndices(module.indices)) : module.name;
}

export function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(".");
}
