import type { Model } from "../../model.ts";
import { type Product, times } from "../../quantity/product.ts";
import type { Component, Module } from "../../tree/module.ts";
import { elements } from "../../tree/tensor.ts";
import { walk } from "../../tree/walk.ts";
import type { Engine, LinePlan, Phase, Setup } from "../engine.ts";
import { partsOf, refusesOthers, type SpeechToText } from "./speech-to-text.ts";

const PHASES: readonly Phase[] = ["load", "all"];
/** ggml-org/whisper.cpp at 233fe1f (2026-08-22), `src/whisper.cpp`. */
const SOURCE = "whisper.cpp 233fe1f, src/whisper.cpp";
/** Lengths of all caches are padded to this (`GGML_PAD`, lines 3402 to 3430). */
const PAD = 256;
/** Keys and values are fp16 whatever the weights are (`itype`). */
const KV_BYTES = 2;
/** Bookkeeping of one graph: 4096 nodes of 368 bytes, and the graph itself. Measured: 1.59 MB beside every compute buffer. */
const GRAPH = 1_590_000;

const padded = (n: number): number => Math.ceil(n / PAD) * PAD;

/** Bits per weight of the types that whisper.cpp's quantize tool writes, block scales included (ggml-quants.h). */
const BITS: Readonly<Record<string, number>> = {
  fp32: 32,
  fp16: 16,
  bf16: 16,
  int8: 8.5,
  int4: 4.5,
};

/**
 * whisper.cpp: weights as its model files hold them (matrices in the file's type, biases, norms and position tables in
 * fp32), caches for self-attention, cross-attention and the encoder's keys, all padded to 256 positions, and one compute
 * buffer for each of its four graphs. Everything is allocated before the first word.
 */
export const whisperCpp: Engine = {
  name: "whisper.cpp",
  summary: "what whisper.cpp allocates: ggml weights, padded caches, one compute buffer a graph",
  refuses: refusesOthers,
  presets: { numBeams: 5, precision: "fp16" },
  precisions: ["fp32", "fp16", "int8", "int4"],
  singleDevice: true,
  uniformPrecision: true,
  phases: () => PHASES,
  plan(model, setup) {
    const parts = partsOf(model);
    return [
      ...weights(model, setup),
      ...caches(model, parts, setup),
      ...buffers(model, parts, setup),
    ];
  },
};

function line(
  about: Pick<LinePlan, "label" | "component" | "kind" | "basis" | "source">,
  phases: readonly Phase[],
  sum: readonly Product[],
): LinePlan {
  return { ...about, alive: Object.fromEntries(phases.map((phase) => [phase, { sum }])) };
}

/** Whether ggml keeps a tensor in the file's type: matrices and convolution kernels; tables of positions and vectors are fp32. */
const typed = (module: Module, shape: readonly number[]): boolean =>
  shape.length > 1 && module.name !== "embed_positions";

function weights(model: Model, setup: Setup): LinePlan[] {
  const counts = new Map<Component, { typed: number; fp32: number }>();
  walk(model.root, (module, { component, copies }) => {
    for (const tensor of module.tensors) {
      if (tensor.tiedTo !== undefined || component === undefined) continue;
      const count = counts.get(component) ?? { typed: 0, fp32: 0 };
      count[typed(module, tensor.shape) ? "typed" : "fp32"] += elements(tensor.shape) * copies;
      counts.set(component, count);
    }
  });
  const bits = BITS[setup.precision] ?? 16;
  return [...counts].map(([component, count]) =>
    line(
      {
        label: "weights",
        component,
        kind: "weights",
        basis: bits >= 16 ? "exact" : "rule",
        source: SOURCE,
      },
      PHASES,
      [
        [times(count.typed, "in matrices"), times(bits / 8, `B ${setup.precision}`)],
        [times(count.fp32, "in vectors and tables"), times(4, "B fp32")],
      ],
    ),
  );
}

/** The self cache is made anew for beams: two more than there are decoders (line 7167). */
function caches(model: Model, { encoder, decoder }: SpeechToText, setup: Setup): LinePlan[] {
  const layers = layersOf(decoder.module);
  const text = padded(model.context.max ?? 0);
  const audio = padded(model.audio?.maxPositions ?? 0);
  const copies = setup.expansion > 1 ? setup.expansion + 2 : 1;
  const cache = (
    label: string,
    component: Component,
    depth: number,
    width: number,
    length: number,
    factor = 1,
  ) =>
    line(
      { label, component, kind: "kv-cache", basis: "exact", source: SOURCE },
      ["all"],
      [
        [
          times("batch", "states"),
          ...(factor > 1 ? [times(factor, `copies (${setup.expansion} decoders and two)`)] : []),
          times(depth, "layers"),
          times(2, "(K, V)"),
          times(width, "wide"),
          times(length, "positions"),
          times(KV_BYTES, "B fp16"),
        ],
      ],
    );
  return [
    cache("KV cache", decoder.component, layers, decoder.op.width, text, copies),
    cache("cross-attention KV cache", decoder.component, layers, decoder.op.width, audio),
    cache("KV of one encoder layer, padded", encoder.component, 1, encoder.op.width, audio),
  ];
}

function layersOf(tower: Module): number {
  let layers = 0;
  walk(tower, ({ op }, { copies }) => {
    if (op?.kind === "layer") layers += copies;
  });
  return layers;
}

/**
 * One buffer per graph, all at once. The sizes were read off whisper.cpp's own log for every size of Whisper, from tiny to
 * large, with and without flash attention, and come out of these products to the last printed digit (docs/engines.md).
 */
function buffers(model: Model, parts: SpeechToText, setup: Setup): LinePlan[] {
  const { encoder, decoder, bins, heads, inner, vocab } = parts;
  const positions = model.audio?.maxPositions ?? 0;
  const width = encoder.op.width;
  const frames = 2 * positions;
  const float = times(4, "B fp32");
  const graph: Product = [times("batch", "states"), times(GRAPH, "B of graph")];
  const state = (product: Product): Product => [times("batch", "states"), ...product];
  const buffer = (label: string, component: Component, sum: readonly Product[]) =>
    line(
      {
        label: `compute buffer, ${label}`,
        component,
        kind: "activation",
        basis: "measured",
        source: `${SOURCE}, its log`,
      },
      ["all"],
      [...sum.map(state), graph],
    );
  const hidden = (count: number): Product => [
    times(count, ""),
    times(positions, "positions"),
    times(width, "wide"),
    float,
  ];
  const encode: readonly Product[] =
    setup.attention === "eager"
      ? [
          hidden(4),
          [
            times(heads, "heads"),
            times(positions, "positions"),
            times(positions, "positions"),
            float,
          ],
        ]
      : [hidden(3), [times(positions, "positions"), times(inner, "inner"), float]];
  return [
    // Mel input and its columns for the first convolution (fp32 and three fp16 values a bin), and hidden states.
    buffer("convolutions", encoder.component, [
      hidden(4),
      [times(frames, "frames"), times(bins, "mel bins"), times(10, "B")],
    ]),
    buffer("encoder", encoder.component, encode),
    buffer("cross-attention", decoder.component, [hidden(1)]),
    buffer("decoder", decoder.component, [
      [times(model.context.max ?? 0, "positions"), times(vocab, "vocabulary"), float],
      [
        times(2, ""),
        times(model.context.max ?? 0, "positions"),
        times(decoder.op.width, "wide"),
        float,
      ],
    ]),
  ];
}
