import { caches } from "../derive/caches.ts";
import { bytesOf } from "../dtype.ts";
import { type Product, times } from "../quantity/product.ts";
import type { Component, Module } from "../tree/module.ts";
import { walk } from "../tree/walk.ts";
import type { Engine, LinePlan, Setup } from "./engine.ts";
import { imageInput } from "./transformers/images.ts";
import { activationLines } from "./transformers/index.ts";
import { audioInput } from "./transformers/inputs.ts";
import { towersOf } from "./transformers/tower.ts";
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
  uniformPrecision: true,
  phases: () => ["all"],
  plan(model, setup) {
    const lines = weightLines(model, setup, ["all"]);
    if (model.audio) lines.push({ ...audioInput(model, setup, ["all"]), source: PLAN });
    if (model.vision) lines.push({ ...imageInput(model, setup, ["all"]), source: PLAN });
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
        source:
          "keys and values of every position; sliding layers too, whose prompt is held whole for a moment",
        alive: { all: { sum: cache.size("context", Number.POSITIVE_INFINITY) } },
      });
    }
    lines.push(...activationLines(model, towersOf(model.root), setup).map(heldAlways));
    return lines;
  },
};

/** A line of a runtime with phases, held all the time at its largest. */
function heldAlways(line: LinePlan): LinePlan {
  const peakOf = Object.values(line.alive).flatMap((amount) =>
    "peakOf" in amount
      ? amount.peakOf
      : [{ at: "all times", buffers: amount.sum.map((size) => ({ label: line.label, size })) }],
  );
  return { ...line, basis: "rule", source: PLAN, alive: { all: { peakOf } } };
}

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
        ...(place.component === "vision_encoder"
          ? [times("tiles", "tiles"), times("patches", "patches")]
          : [times("windows", "windows"), times("positions", "positions")]),
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
