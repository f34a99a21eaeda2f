import type { Module } from "./module.ts";
import { joined, segment } from "./walk.ts";

/** The same module with every tensor in the storage of its namesake under `owner`, a full path. */
export function tied(inner: Module, owner: string): Module {
  return {
    ...inner,
    tensors: inner.tensors.map((tensor) => ({
      ...tensor,
      tiedTo: tensor.tiedTo ?? joined(owner, tensor.name),
    })),
    children: inner.children.map((child) => tied(child, joined(owner, segment(child)))),
  };
}
