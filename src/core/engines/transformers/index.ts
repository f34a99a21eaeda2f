import { caches } from "../../derive/caches.ts";
import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import { times } from "../../quantity/product.ts";
import type { MergeOp } from "../../tree/op.ts";
import { walk } from "../../tree/walk.ts";
import type { Amount, Engine, HeldBuffer, LinePlan, Moment, Phase, Setup } from "../engine.ts";
import { weightLines } from "../weights.ts";
import { assisted } from "./assistant.ts";
import { type Flow, flows, held, hidden, meanwhile } from "./flow.ts";
import { headMoment } from "./head.ts";
import {
  encodedImages,
  imageInput,
  imageProjector,
  innerLevels,
  keptImages,
  type Seen,
  seeingMoments,
  whereSeen,
} from "./images.ts";
import { audioInput, encoderIds, tokenIds } from "./inputs.ts";
import { mergeMoments } from "./merge.ts";
import { overheadLines } from "./overhead.ts";
import { stages } from "./stages.ts";
import { findOp, type Tower, towerMoments, towersOf } from "./tower.ts";
import { keptAttention } from "./word-timestamps.ts";

const OBSERVED = "tensors alive in transformers 5.18 under PyTorch 2.13 (docs/engines.md)";

/**
 * What PyTorch holds when transformers runs a model with `generate()` and a dynamic cache: weights and buffers always;
 * the input features from encoding to the end; caches that grow; and in each phase the largest set of temporary tensors.
 * An encoder keeps no keys and values once it has run.
 */
export const transformers: Engine = {
  name: "transformers",
  summary: "what PyTorch holds under transformers' generate() with a dynamic cache",
  generates: true,
  unpacksGguf: true,
  phases: (model) => phasesOf(towersOf(model.root)),
  plan: (model, setup) => planOf(model, setup, phasesOf(towersOf(model.root))),
  stages,
  takesAssistant: true,
};

/** What one device holds: everything, or its share of the model. */
export function planOf(model: Model, setup: Setup, phases: readonly Phase[]): LinePlan[] {
  const towers = towersOf(model.root);
  const lines = weightLines(model, setup, phases);
  const running = phases.filter((phase) => phase !== "load");
  if (model.audio) lines.push(audioInput(model, setup, running));
  if (model.vision) lines.push(imageInput(model, setup, running));
  // A codec alone encodes a recording at once: its causal layers keep nothing then.
  if (running.includes("decode")) lines.push(...cacheLines(model, setup));
  lines.push(...activationLines(model, towers, setup));
  if (setup.wordTimestamps) lines.push(...keptAttention(towers, setup));
  lines.push(...overheadLines(model, setup, phases));
  return setup.assistant ? assisted(lines, model, setup.assistant, setup, phases) : lines;
}

export function phasesOf(towers: readonly Tower[]): readonly Phase[] {
  const has = (side: "encoder" | "decoder") => towers.some(({ op }) => op.side === side);
  return [
    "load",
    ...(has("encoder") ? (["encode"] as const) : []),
    ...(has("decoder") ? (["prefill", "decode"] as const) : []),
  ];
}

/**
 * A dynamic cache holds what was fed; its sliding layers keep a view of the whole prompt until their next update, then one
 * position less than the window. A static one is allocated for the whole context.
 */
export function cacheLines(model: Model, setup: Setup): LinePlan[] {
  const fixed = setup.cache === "static";
  return caches(model.root, setup.kvCache, setup.compute, setup.tensorParallel).map((cache) => {
    const slides = cache.window !== undefined;
    const whole = { sum: cache.size("context") };
    return {
      label: cache.label,
      component: cache.component,
      kind: cache.kind === "recurrent" ? ("state" as const) : ("kv-cache" as const),
      basis: "exact" as const,
      source: `transformers, cache_utils.py: ${fixed ? "StaticCache" : "DynamicCache keeps every position that was fed"}`,
      alive: fixed
        ? { prefill: whole, decode: whole }
        : {
            prefill: { sum: cache.size("prompt", slides ? Number.POSITIVE_INFINITY : undefined) },
            decode: {
              sum: cache.size("cached", slides ? Math.max(1, (cache.window ?? 1) - 1) : undefined),
            },
          },
    };
  });
}

export function activationLines(model: Model, towers: readonly Tower[], setup: Setup): LinePlan[] {
  const flow = flows(setup);
  const lines: LinePlan[] = [];
  const decoder = towers.find(({ op }) => op.side === "decoder");
  const encoders = towers.filter(({ op }) => op.side === "encoder");
  const head = findOp(model.root, "head");
  const merge = findOp(model.root, "merge");
  const hearing = encoders.filter(
    ({ op }) => op.reads !== "images" && (op.reads !== "text" || !model.audio),
  );
  const seeing = decoder ? encoders.flatMap((tower) => seenBy(tower, decoder, model)) : [];
  const first = hearing[0] ?? seeing[0]?.tower;
  if (first) {
    // An audio language model embeds its prompt before it encodes the audio; images are there by then, or wait as well.
    const seen = merge?.images ? seeing.flatMap((one) => encodedImages(one, flow.see)) : [];
    const waiting =
      merge && decoder
        ? (merge.waits ?? [decoder.op.width]).map((width) => ofPrompt(width, setup))
        : [];
    const at = (encoder: Tower) => (encoder === first ? "" : encoder.component);
    const moments = [
      // One after the other, so the largest of all of them counts.
      ...seeing.flatMap((one) =>
        meanwhile(
          merge?.images ? [] : waiting,
          whereSeen(
            seeingMoments(
              one,
              imageProjector(model.root),
              model.vision?.pixelValues ?? 0,
              flow.see,
            ),
          ),
          at(one.tower),
        ),
      ),
      ...hearing.flatMap((encoder) =>
        meanwhile([...waiting, ...seen], towerMoments(encoder, flow.encode), at(encoder)),
      ),
      ...mergingMoments(merge, decoder, flow.encode, seen, hearing.length > 0),
      // What is read as a whole is scored as a whole: CTC, and masked language models, whose heads begin with a transform.
      ...(head && !decoder
        ? meanwhile(
            model.encoderText
              ? [held("encoder's output", hidden(flow.encode, first.op.width))]
              : [],
            [headMoment(head, first.op.width, flow.encode, false)],
            "",
          )
        : []),
    ];
    lines.push(activations(first, { encode: { peakOf: moments } }));
    if (decoder && attends(decoder)) lines.push(encoderOutput(first, decoder, setup));
    for (const one of seeing) lines.push(...keptImages(one, merge, flow.see));
  }
  if (model.encoderText && !model.audio) lines.push(encoderIds(decoder !== undefined));
  if (merge?.kept && decoder) lines.push(features(decoder, setup));
  if (decoder) {
    lines.push(tokenIds(merge !== undefined && first !== undefined));
    const moments = (phase: "prefill" | "decode"): Moment[] => [
      ...(phase === "decode" && model.audio?.masked === "summed" ? [summedMask()] : []),
      ...towerMoments(decoder, flow[phase]),
      ...(head
        ? [headMoment(head, decoder.op.width, flow[phase], merge?.embedsStay === true)]
        : []),
    ];
    lines.push(
      activations(decoder, {
        prefill: { peakOf: moments("prefill") },
        decode: { peakOf: moments("decode") },
      }),
    );
    if (head) lines.push(lastScores(head.vocab));
  }
  return lines;
}

const seenBy = (tower: Tower, decoder: Tower, { root }: Model): Seen[] =>
  tower.op.reads === "images"
    ? [{ tower, width: decoder.op.width, levels: innerLevels(root) }]
    : [];

/** A model that only sees merges nothing where there are no images. */
function mergingMoments(
  merge: MergeOp | undefined,
  decoder: Tower | undefined,
  flow: Flow,
  seen: readonly HeldBuffer[],
  hears: boolean,
): Moment[] {
  if (!merge || !decoder) return [];
  const moments = mergeMoments(merge, decoder.op.width, flow, seen);
  return hears ? moments : whereSeen(moments);
}

/** Whether a decoder attends to what the encoder puts out. */
export function attends({ module }: Tower): boolean {
  let found = false;
  walk(module, ({ op }) => {
    if (op?.kind === "attention" && op.over === "cross") found = true;
  });
  return found;
}

const ofPrompt = (width: number, setup: Setup): HeldBuffer =>
  held("embedded prompt", [
    times("batch", "sequences"),
    times("prompt", "tokens"),
    times(width, "wide"),
    times(bytesOf(setup.compute), `B ${setup.compute}`),
  ]);

const activations = (tower: Tower, alive: Partial<Record<Phase, Amount>>): LinePlan => ({
  label: "activations",
  component: tower.component,
  kind: "activation",
  basis: "rule",
  source: OBSERVED,
  alive,
});

export function encoderOutput(encoder: Tower, decoder: Tower, setup: Setup): LinePlan {
  const images = encoder.op.reads === "images";
  const sum = [
    [
      times("decoded", "sequences"),
      times("memory", "positions"),
      times(
        images ? decoder.op.width + (encoder.op.handsOnWidth ?? 0) : encoder.op.width,
        images ? "wide, before and after its projection" : "hidden_size",
      ),
      times(bytesOf(setup.compute), `B ${setup.compute}`),
    ],
  ];
  return {
    label: "encoder output",
    component: encoder.component,
    kind: "activation",
    basis: "exact",
    source: images
      ? "projected images, which the first forward hands to its cross-attention"
      : "generate() keeps encoder_outputs until it returns",
    alive: images ? { prefill: { sum } } : { prefill: { sum }, decode: { sum } },
  };
}

function features(decoder: Tower, setup: Setup): LinePlan {
  const sum = [
    [
      times("decoded", "sequences"),
      times("audioTokens", "audio tokens"),
      times(decoder.op.width, "hidden_size"),
      times(bytesOf(setup.compute), `B ${setup.compute}`),
    ],
  ];
  return {
    label: "audio embeddings",
    component: "audio_projector",
    kind: "activation",
    basis: "rule",
    source: OBSERVED,
    alive: { prefill: { sum } },
  };
}

/** Every step sums the mask of the samples up, to know how many positions they became. */
const summedMask = (): Moment => ({
  at: "mask",
  buffers: [
    held("running sum of the mask", [
      times("batch", "sequences"),
      times("heldFrames", "frames"),
      times(8, "B int64"),
    ]),
  ],
});

/** One row of fp32 scores per sequence stays referenced from one decoding step to the next. */
const lastScores = (vocab: number): LinePlan => ({
  label: "last step's scores",
  component: "lm_head",
  kind: "activation",
  basis: "rule",
  source: OBSERVED,
  alive: {
    decode: {
      sum: [[times("decoded", "sequences"), times(vocab, "vocabulary"), times(4, "B fp32")]],
    },
  },
});
