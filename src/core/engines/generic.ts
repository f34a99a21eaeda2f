import { caches } from "../derive/caches.ts";
import { bytesOf } from "../dtype.ts";
import { type Product, times } from "../quantity/product.ts";
import type { Component, Module } from "../tree/module.ts";
import { walk } from "../tree/walk.ts";
import type { Engine, Setup } from "./engine.ts";
import { flows } from "./transformers/flow.ts";
import { audioInput } from "./transformers/index.ts";
import { findOp, headMoment, towerMoments, towersOf } from "./transformers/tower.ts";
import { weightLines } from "./weights.ts";

const PLAN = "engine-neutral accounting: everything that exists at some time, held at once";

/**
 * An upper bound that belongs to no runtime: weights, all caches at full length, the keys and values of every encoder
 * layer, the input, the front end and the largest activations of every tower, all at the same time. For comparison.
 */
export const generic: Engine = {
  name: "generic",
  summary:
    "engine-neutral upper bound: everything held at once, encoder K/V of all layers included",
  phases: () => ["all"],
  plan(model, setup) {
    const lines = weightLines(model, setup, ["all"]);
    if (model.audio) lines.push({ ...audioInput(model, setup, ["all"]), source: PLAN });
    for (const { component, sum } of encoderKeysAndValues(model.root, setup)) {
      lines.push({
        label: "encoder self-attention K/V, all layers",
        component,
        kind: "kv-cache",
        basis: "rule",
        source: PLAN,
        alive: { all: { sum } },
      });
    }
    for (const cache of caches(model.root, setup.kvCache, setup.compute, setup.tensorParallel)) {
      lines.push({
        label: cache.label,
        component: cache.component,
        kind: cache.kind === "recurrent" ? "state" : "kv-cache",
        basis: "exact",
        source: "keys and values of every position",
        alive: { all: { sum: cache.size("context") } },
      });
    }
    const flow = flows(setup);
    const head = findOp(model.root, "head");
    for (const tower of towersOf(model.root)) {
      const moments =
        tower.op.side === "encoder"
          ? towerMoments(tower, flow.encode)
          : [flow.prefill, flow.decode].flatMap((pass) => [
              ...towerMoments(tower, pass),
              ...(head ? [headMoment(head, tower.op.width, pass)] : []),
            ]);
      lines.push({
        label: "activations",
        component: tower.component,
        kind: "activation",
        basis: "rule",
        source: PLAN,
        alive: { all: { peakOf: moments } },
      });
    }
    return lines;
  },
};

/**
 * Keys and values of every layer of a bidirectional encoder. No runtime keeps them all: they live for one layer. Other
 * calculators count them as a cache, which is why this figure exists.
 */
export function encoderKeysAndValues(
  root: Module,
  setup: Setup,
): readonly { readonly component: Component; readonly sum: readonly Product[] }[] {
  const found: { component: Component; sum: Product[] }[] = [];
  walk(root, ({ op, state }, place) => {
    if (op?.kind !== "attention" || op.over !== "self" || state || !place.component) return;
    const sum: Product[] = [
      [
        times(place.copies, "layers"),
        times(2, "(K, V)"),
        times(Math.ceil(op.kvHeads / setup.tensorParallel), "heads"),
        times(op.headDim, "head_dim"),
        times("windows", "windows"),
        times("positions", "positions"),
        times("batch", "sequences"),
        times(bytesOf(setup.kvCache), `B ${setup.kvCache}`),
      ],
    ];
    const before = found.find(({ component }) => component === place.component);
    if (before) before.sum.push(...sum);
    else found.push({ component: place.component, sum });
  });
  return found;
}
