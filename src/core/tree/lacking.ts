import type { Component, Module } from "./module.ts";

/** The tree without everything that belongs to one of these components. */
export const lacking = (module: Module, gone: ReadonlySet<Component>): Module => ({
  ...module,
  children: module.children
    .filter(({ component }) => component === undefined || !gone.has(component))
    .map((child) => lacking(child, gone)),
});
