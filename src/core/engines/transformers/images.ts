import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import { type Product, times } from "../../quantity/product.ts";
import type { Module } from "../../tree/module.ts";
import type { MergeOp } from "../../tree/op.ts";
import { walk } from "../../tree/walk.ts";
import type { HeldBuffer, LinePlan, Moment, Phase, Setup } from "../engine.ts";
import { type Flow, held, hidden, meanwhile } from "./flow.ts";
import { type Tower, towerMoments } from "./tower.ts";

/** `generate()` gives `mm_encoder_outputs` to models that take them (transformers 5.18, generation/utils.py). */
const ENCODED_FIRST =
  "generate() encodes images before the prefill and keeps mm_encoder_outputs until it returns";

/** The pixels of all tiles, as the processor hands them over. */
export function imageInput(model: Model, setup: Setup, phases: readonly Phase[]): LinePlan {
  const sum = [pixels(model.vision?.pixelValues ?? 3, setup)];
  return {
    label: "pixel values",
    component: "vision_encoder",
    kind: "input",
    basis: "exact",
    source: "the pixel values stay alive until generate() returns",
    alive: Object.fromEntries(phases.map((phase) => [phase, { sum }])),
  };
}

const pixels = (perPixel: number, setup: Setup): Product => [
  times("batch", "sequences"),
  times("tiles", "tiles"),
  times("pixels", "pixels"),
  times(perPixel, "values of a pixel"),
  times(bytesOf(setup.compute), `B ${setup.compute}`),
];

/** What an image encoder and the projector behind it hand on. */
export interface Seen {
  readonly tower: Tower;
  /** Width of the language model. */
  readonly width: number;
  /** Projections of inner layers beside the last one, which enter the language model's first layers. */
  readonly levels: number;
}

/** Output widths of the matrices behind the image encoder. */
export function imageProjector(root: Module): readonly number[] {
  let widths: readonly number[] = [];
  walk(root, ({ op }, { component }) => {
    if (op?.kind === "projector" && component === "vision_projector" && widths.length === 0)
      widths = op.widths;
  });
  return widths;
}

/** How many inner layers' outputs are projected too. */
export function innerLevels(root: Module): number {
  let levels = 0;
  walk(root, ({ op }, { copies }) => {
    if (op?.kind === "projector" && op.inner) levels += copies;
  });
  return levels;
}

const features = (width: number, setup: Setup): Product => [
  times("batch", "sequences"),
  times("features", "image features"),
  times(width, "wide"),
  times(bytesOf(setup.compute), `B ${setup.compute}`),
];

/** As many hidden states as it hands on, or what it made of them. */
const encoderOutput = ({ op }: Tower, flow: Flow): HeldBuffer =>
  held(
    "image encoder output",
    op.handsOnWidth === undefined
      ? [times(op.handsOn ?? 1, "hidden states"), ...hidden(flow, op.width)]
      : features(op.handsOnWidth, flow.setup),
  );

/** The encoder's output, and the features that were made of it. */
export function encodedImages({ tower, width, levels }: Seen, flow: Flow): HeldBuffer[] {
  return [
    encoderOutput(tower, flow),
    held("image features", [times(1 + levels, ""), ...features(width, flow.setup)]),
  ];
}

/** The moments of an image encoder, then those of the projector, whose matrices each have an activation after them. */
export function seeingMoments(
  { tower }: Seen,
  projector: readonly number[],
  pixelValues: number,
  flow: Flow,
): Moment[] {
  const output = encoderOutput(tower, flow);
  const joined = tower.op.joins
    ? [held("pixel values, joined", pixels(pixelValues, flow.setup))]
    : [];
  const projecting = projector.map((width, index): Moment => {
    const before = projector[index - 1];
    return {
      at: `projector ${index + 1}`,
      buffers: [
        output,
        ...(before === undefined ? [] : [held("input", features(before, flow.setup))]),
        held("output", features(width, flow.setup)),
      ],
    };
  });
  return meanwhile(joined, [...towerMoments(tower, flow), ...projecting], "");
}

/** Moments that only occur where there are images. */
export const whereSeen = (moments: readonly Moment[]): Moment[] =>
  moments.map((moment) => ({ ...moment, when: moment.when ?? { axis: "patches", atLeast: 1 } }));

/** What stays of encoded images while the language model runs. */
export function keptImages(seen: Seen, merge: MergeOp | undefined, flow: Flow): LinePlan[] {
  if (!merge?.images) return [];
  const line = (
    label: string,
    component: LinePlan["component"],
    alive: LinePlan["alive"],
  ): LinePlan => ({
    label,
    component,
    kind: "activation",
    basis: "rule",
    source: ENCODED_FIRST,
    alive,
  });
  const [output, vectors] = encodedImages(seen, flow).map(({ size }) => ({ sum: [size] }));
  const copy = { sum: [[times(1 + seen.levels, ""), ...features(seen.width, flow.setup)]] };
  return [
    ...(output
      ? [line("image encoder output", "vision_encoder", { prefill: output, decode: output })]
      : []),
    ...(vectors
      ? [line("image features", "vision_projector", { prefill: vectors, decode: vectors })]
      : []),
    ...(merge.images === "copied"
      ? [line("image features, joined", "vision_projector", { prefill: copy })]
      : []),
  ];
}
