import { type Factor, type Product, times } from "../../quantity/product.ts";
import type { Step } from "../../step.ts";
import type { Component, Module } from "../../tree/module.ts";
import type { AttentionOp, FeedForwardOp, Op } from "../../tree/op.ts";
import { walk } from "../../tree/walk.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { attentionMoments, folded } from "./attention.ts";
import { expertsMoments, feedForwardMoments } from "./feed-forward.ts";
import { element, type Flow, half, held, hidden, isEager, meanwhile } from "./flow.ts";
import { frontEnd, mapSize } from "./front-end.ts";
import { mixerMoments } from "./mixer.ts";
import { encoderMask } from "./packed.ts";
import { sharedPositions } from "./relative.ts";
import { keptScores } from "./scores.ts";

type OpOf<Kind extends Op["kind"]> = Extract<Op, { kind: Kind }>;

export interface Tower {
  readonly module: Module;
  readonly op: OpOf<"tower">;
  readonly component: Component;
}

export function towersOf(root: Module): readonly Tower[] {
  const towers: Tower[] = [];
  walk(root, (module, { component }) => {
    if (module.op?.kind === "tower" && component) towers.push({ module, op: module.op, component });
  });
  return towers;
}

/** The first module that does `kind` of thing. */
export function findOp<Kind extends Op["kind"]>(root: Module, kind: Kind): OpOf<Kind> | undefined {
  let found: OpOf<Kind> | undefined;
  walk(root, ({ op }) => {
    if (op?.kind === kind) found ??= op as OpOf<Kind>;
  });
  return found;
}

/** The moments of a tower: its front end, then one layer of each kind (layers reuse each other's memory). */
export function towerMoments({ module, op }: Tower, pass: Flow): Moment[] {
  const flow: Flow = {
    ...(op.runsOver && pass.phase === "encode" ? over(op.runsOver, pass) : pass),
    ...(op.rotary !== undefined && { rotated: true }),
  };
  const layers = layersOf(module);
  const entry = held("embedded input", hidden(flow, op.width));
  const frame = [
    ...Array.from({ length: op.held ?? 1 }, () => entry),
    ...(op.beside ?? []).map((width) => held("features", hidden(flow, width))),
    ...(op.positions === undefined || pass.phase === "decode"
      ? []
      : [
          held(
            "learned positions",
            op.positions === "once" ? shared(entry.size, flow) : entry.size,
          ),
        ]),
    ...(op.memoryWidth === undefined
      ? []
      : [
          held("encoder output, projected", [
            ...flow.sequences,
            flow.memory,
            times(op.memoryWidth, "wide"),
            element(flow),
          ]),
        ]),
    ...(op.maps ?? []).map((map) => held(map.label, mapSize(map, pass))),
    ...sharedOf(layers, flow),
    ...(op.rotary ? [rotaryTable(op.rotary, op.rotaryIn, flow)] : []),
    ...maskOf(layers, flow),
  ];
  const running = layers.flatMap((layer) =>
    layer.op?.kind === "layer"
      ? meanwhile(frame, layerMoments(layer, layer.op, flow), layer.name)
      : [],
  );
  return [
    ...(op.entry && flow.phase === "encode" ? frontEnd(op.entry, flow) : []),
    ...running,
    ...windowMasked(running, layers, flow),
  ];
}

/** The same for one sequence. */
const shared = (size: Product, flow: Flow): Product => size.slice(flow.sequences.length);

/** The layers of a tower, also those that lie in modules around them; not those of towers inside. */
const layersOf = ({ children }: Module): Module[] =>
  children.flatMap((child) => {
    if (child.op?.kind === "layer") return [child];
    return child.op?.kind === "tower" ? [] : layersOf(child);
  });

/** A pass over the positions that `steps` leave of the frames. */
function over(steps: readonly Step[], flow: Flow): Flow {
  const positions: Factor = { of: "frames", label: "positions", through: steps };
  return { ...flow, queries: positions, keys: positions };
}

/** Tables of relative positions that the first layer makes for all of them. */
function sharedOf(layers: readonly Module[], flow: Flow): HeldBuffer[] {
  const found = new Map<string, HeldBuffer[]>();
  for (const { children } of layers) {
    for (const { op } of children) {
      if (op?.kind !== "attention" || found.has(op.over)) continue;
      const tables = sharedPositions(op, folded(op, flow));
      if (tables.length > 0) found.set(op.over, tables);
    }
  }
  return [...found.values()].flat();
}

/** A prompt as long as the sliding window needs a boolean mask, which the model's frame keeps for all layers. */
function windowMasked(running: readonly Moment[], layers: readonly Module[], flow: Flow): Moment[] {
  if (flow.setup.attention === "eager" || flow.phase !== "prefill") return [];
  const window = Math.min(
    ...layers.flatMap(({ children }) =>
      children.map(({ op, state }) =>
        op?.kind === "attention" && state && op.span.kind === "window" && !isEager(op, flow)
          ? op.span.size
          : Number.POSITIVE_INFINITY,
      ),
    ),
  );
  if (window === Number.POSITIVE_INFINITY) return [];
  const mask = held("window mask", [flow.queries, flow.keys, times(1, "B")]);
  return meanwhile(
    [mask],
    running.filter(({ when }) => when === undefined),
    "",
  ).map((moment) => ({ ...moment, when: { axis: "prompt", atLeast: window } }));
}

const rotaryTable = (width: number, dtype: "fp32" | undefined, flow: Flow): HeldBuffer =>
  held("rotary cosines and sines", [
    times(2, ""),
    ...flow.sequences,
    flow.queries,
    times(width, "wide"),
    dtype ? times(4, "B fp32") : element(flow),
  ]);

/** Eager decoders add a mask of queries × keys in the model's dtype, one for each kind of layer. */
function maskOf(layers: readonly Module[], flow: Flow): HeldBuffer[] {
  if (flow.phase === "encode") return encoderMasks(layers, flow);
  const spans = new Set<string>();
  for (const layer of layers) {
    for (const { op } of layer.children) {
      if (op?.kind === "attention" && op.over === "self" && isEager(op, flow))
        spans.add(op.span.kind);
    }
  }
  return [...spans].map((span) =>
    held(`${span} mask`, [...flow.sequences, flow.queries, flow.keys, element(flow)]),
  );
}

/** One for all layers. */
const encoderMasks = (layers: readonly Module[], flow: Flow): HeldBuffer[] =>
  layers
    .flatMap(({ children }) =>
      children.flatMap(({ op }) => (op?.kind === "attention" ? [encoderMask(op, flow)] : [])),
    )
    .filter((mask) => mask !== undefined)
    .slice(0, 1);

function layerMoments(layer: Module, op: OpOf<"layer">, flow: Flow): Moment[] {
  const state = hidden(flow, op.width);
  const statistics: Product = [...flow.sequences, flow.queries, times(8, "B of norm statistics")];
  let kept: HeldBuffer[] = [];
  return op.blocks.flatMap((block, index) => {
    const frame = [
      held("layer input", state),
      ...(widened(op.residual, flow)
        ? [held("what fp32 adds to them", [times(index > 0 ? 2 : 1, ""), ...state])]
        : []),
      ...(op.keeps ? [held("what its frame keeps", [times(op.keeps, ""), ...state])] : []),
      ...(op.norms === "after"
        ? index > 0
          ? [held("norm", state)]
          : []
        : [
            ...(index > 0 ? [held("residual", state)] : []),
            ...(rebinds(block.run) ? [] : [held("norm", state)]),
          ]),
      ...(index > 0 && op.keepsFirst
        ? [held("what the first block left", [times(op.keepsFirst, ""), ...state])]
        : []),
      ...kept,
    ];
    if (typeof block.run !== "string") {
      return meanwhile(
        [...frame, held("statistics", statistics)],
        feedForwardMoments(block.run, flow),
        "fc",
      );
    }
    const child = layer.children.find(({ name }) => name === block.run);
    switch (child?.op?.kind) {
      case "attention": {
        const moments = attentionMoments(child.op, child.state !== undefined, flow);
        const all = meanwhile(frame, moments, child.name);
        kept = keptOf(child.op, flow);
        return all;
      }
      case "feed-forward":
        return meanwhile(frame, feedForwardMoments(child.op, flow), child.name);
      case "experts":
        return meanwhile(frame, expertsMoments(child.op, flow), child.name);
      case "scan":
      case "state-space-dual":
      case "delta-rule":
        return meanwhile(frame, mixerMoments(child.op, flow), child.name);
      default:
        return [];
    }
  });
}

const widened = (residual: OpOf<"layer">["residual"], flow: Flow): boolean =>
  residual === "fp32" ? half(flow) : residual !== undefined && flow.setup.compute === "fp16";

const rebinds = (run: string | FeedForwardOp): boolean =>
  typeof run !== "string" && run.rebinds === true;

const keptOf = (op: AttentionOp, flow: Flow): HeldBuffer[] => keptScores(op, flow);
