import { caches } from "../derive/caches.ts";
import { bytesOf } from "../dtype.ts";
import type { Model } from "../model.ts";
import { times } from "../quantity/product.ts";
import type { Component, Module } from "../tree/module.ts";
import type { Op } from "../tree/op.ts";
import { walk } from "../tree/walk.ts";
import type { Engine, LinePlan, Moment, Phase, Setup } from "./engine.ts";
import { decodeFlow, encoderFlow, headMoment, prefillFlow, towerMoments } from "./moments.ts";
import { weightLines } from "./weights.ts";

const OBSERVED = "tensors alive in transformers 5.18 under PyTorch 2.13 (docs/engines.md)";

/**
 * What PyTorch holds when transformers runs a model with `generate()`, SDPA attention (flash kernels) and a dynamic
 * cache: weights and buffers always; the input features from encoding to the end; caches that grow; and in each phase
 * the largest set of temporary tensors. An encoder keeps no keys and values once it has run.
 */
export const transformers: Engine = {
  name: "transformers",
  summary: "what PyTorch holds under transformers' generate(): SDPA attention, dynamic cache",
  phases: (model) => phasesOf(towersOf(model.root)),
  plan(model, setup) {
    const towers = towersOf(model.root);
    const phases = phasesOf(towers);
    const running = phases.filter((phase) => phase !== "load");
    const lines = weightLines(model, setup, phases);
    if (model.audio) lines.push(inputLine(model, setup, running));
    for (const cache of caches(model.root, setup.kvCache, setup.compute, setup.tensorParallel)) {
      lines.push({
        label: cache.label,
        component: cache.component,
        kind: cache.kind === "recurrent" ? "state" : "kv-cache",
        basis: "exact",
        source: "keys and values of every position so far (transformers, cache_utils.py)",
        alive: { prefill: { sum: cache.size("prompt") }, decode: { sum: cache.size("context") } },
      });
    }
    for (const tower of towers) {
      if (tower.side === "encoder") {
        lines.push(
          activations(tower.component, "encode", towerMoments(tower.module, encoderFlow(setup))),
        );
        if (crossed(model.root)) lines.push(encoderOutput(tower, setup));
      } else {
        const prefill = prefillFlow(setup);
        const decode = decodeFlow(setup);
        const head = headOf(model.root);
        const moments = (flow: typeof prefill): Moment[] => [
          ...towerMoments(tower.module, flow),
          ...(head ? [headMoment(head, tower.width, flow)] : []),
        ];
        lines.push({
          ...activations(tower.component, "prefill", moments(prefill)),
          alive: { prefill: { peakOf: moments(prefill) }, decode: { peakOf: moments(decode) } },
        });
        if (head) lines.push(scores(head));
      }
    }
    return lines;
  },
};

interface Tower {
  readonly module: Module;
  readonly component: Component;
  readonly side: "encoder" | "decoder";
  readonly width: number;
}

export function towersOf(root: Module): readonly Tower[] {
  const towers: Tower[] = [];
  walk(root, (module, place) => {
    if (module.op?.kind === "tower" && place.component) {
      towers.push({
        module,
        component: place.component,
        side: module.op.side,
        width: module.op.width,
      });
    }
  });
  return towers;
}

function phasesOf(towers: readonly Tower[]): readonly Phase[] {
  const has = (side: Tower["side"]) => towers.some((tower) => tower.side === side);
  return [
    "load",
    ...(has("encoder") ? (["encode"] as const) : []),
    ...(has("decoder") ? (["prefill", "decode"] as const) : []),
  ];
}

export function crossed(root: Module): boolean {
  let found = false;
  walk(root, ({ state }) => {
    if (state?.kind === "kv" && state.over === "cross") found = true;
  });
  return found;
}

export function headOf(root: Module): Extract<Op, { kind: "head" }> | undefined {
  let found: Extract<Op, { kind: "head" }> | undefined;
  walk(root, ({ op }) => {
    if (op?.kind === "head") found ??= op;
  });
  return found;
}

function activations(component: Component, phase: Phase, moments: readonly Moment[]): LinePlan {
  return {
    label: "activations",
    component,
    kind: "activation",
    basis: "rule",
    source: OBSERVED,
    alive: { [phase]: { peakOf: moments } },
  };
}

export function inputLine(model: Model, setup: Setup, phases: readonly Phase[]): LinePlan {
  const sum = [
    [
      times("batch", "sequences"),
      times("windows", "windows"),
      times(model.audio?.bins ?? 1, "mel bins"),
      times("frames", "frames"),
      times(bytesOf(setup.compute), `B ${setup.compute}`),
    ],
  ];
  return {
    label: "mel input",
    component: "audio_encoder",
    kind: "input",
    basis: "exact",
    source: "the input features stay alive until generate() returns",
    alive: Object.fromEntries(phases.map((phase) => [phase, { sum }])),
  };
}

export function encoderOutput(tower: Tower, setup: Setup): LinePlan {
  const sum = [
    [
      times("batch", "sequences"),
      times("memory", "positions"),
      times(tower.width, "hidden_size"),
      times(bytesOf(setup.compute), `B ${setup.compute}`),
    ],
  ];
  return {
    label: "encoder output",
    component: tower.component,
    kind: "activation",
    basis: "exact",
    source: "generate() keeps encoder_outputs until it returns",
    alive: { prefill: { sum }, decode: { sum } },
  };
}

/** One row of fp32 scores per sequence stays referenced from one decoding step to the next. */
export function scores(head: Extract<Op, { kind: "head" }>): LinePlan {
  return {
    label: "last step's scores",
    component: "lm_head",
    kind: "activation",
    basis: "rule",
    source: OBSERVED,
    alive: {
      decode: {
        sum: [[times("batch", "sequences"), times(head.vocab, "vocabulary"), times(4, "B fp32")]],
      },
    },
  };
}
