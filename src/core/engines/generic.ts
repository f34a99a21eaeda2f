import { caches } from "../derive/caches.ts";
import { bytesOf } from "../dtype.ts";
import { type Product, times } from "../quantity/product.ts";
import type { Component, Module } from "../tree/module.ts";
import { walk } from "../tree/walk.ts";
import type { Engine, LinePlan, Setup } from "./engine.ts";
import { decodeFlow, encoderFlow, headMoment, prefillFlow, towerMoments } from "./moments.ts";
import { crossed, encoderOutput, headOf, inputLine, scores, towersOf } from "./transformers.ts";
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
    if (model.audio) lines.push({ ...inputLine(model, setup, ["all"]), source: PLAN });
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
    const head = headOf(model.root);
    for (const tower of towersOf(model.root)) {
      const flows =
        tower.side === "encoder" ? [encoderFlow(setup)] : [prefillFlow(setup), decodeFlow(setup)];
      const moments = flows.flatMap((flow) => [
        ...towerMoments(tower.module, flow),
        ...(tower.side === "decoder" && head ? [headMoment(head, tower.width, flow)] : []),
      ]);
      lines.push({
        label: "activations",
        component: tower.component,
        kind: "activation",
        basis: "rule",
        source: PLAN,
        alive: { all: { peakOf: moments } },
      });
      if (tower.side === "encoder" && crossed(model.root))
        lines.push(always(encoderOutput(tower, setup)));
      if (tower.side === "decoder" && head) lines.push(always(scores(head)));
    }
    return lines;
  },
};

/** A line of the transformers engine, held all the time. */
const always = (line: LinePlan): LinePlan => {
  const [amount] = Object.values(line.alive);
  return { ...line, basis: "rule", source: PLAN, alive: amount ? { all: amount } : {} };
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
