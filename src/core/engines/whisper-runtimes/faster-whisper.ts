import { caches } from "../../derive/caches.ts";
import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import { type Product, times } from "../../quantity/product.ts";
import type { Component } from "../../tree/module.ts";
import { elements } from "../../tree/tensor.ts";
import { walk } from "../../tree/walk.ts";
import { GiB } from "../../units.ts";
import type { Engine, LinePlan, Phase, Setup } from "../engine.ts";
import { partsOf, refusesOthers, type SpeechToText } from "./speech-to-text.ts";

const PHASES: readonly Phase[] = ["load", "encode", "decode"];
/** OpenNMT/CTranslate2 at 0d8bcd3 (2026-07-03). */
const SOURCE = "CTranslate2 0d8bcd3";
/** CUDA context, cuBLAS and cuDNN. The same 0.3 to 0.6 GiB as for PyTorch; the middle. */
const CONTEXT = Math.round(0.45 * GiB);

/**
 * faster-whisper, which runs Whisper on CTranslate2: matrices in fp16 or int8 with a scale for every row, caches that grow,
 * cross-attention keys and values once for all beams, plain attention that holds its scores.
 * `--precision int8` is its `int8_float16`: int8 matrices, everything else in fp16.
 */
export const fasterWhisper: Engine = {
  name: "faster-whisper",
  summary:
    "what CTranslate2 holds under faster-whisper: fp16 or int8 matrices, beams that share the cross-attention",
  refuses: refusesOthers,
  presets: { numBeams: 5, precision: "fp16" },
  precisions: ["fp32", "fp16", "bf16", "int8"],
  singleDevice: true,
  uniformPrecision: true,
  phases: () => PHASES,
  plan(model, setup) {
    const parts = partsOf(model);
    return [
      ...weights(model, setup),
      ...cacheLines(model, setup),
      ...activations(parts, setup),
      line(
        {
          label: "CUDA context and libraries",
          component: "runtime",
          kind: "overhead",
          basis: "assumed",
          source: "0.3 to 0.6 GiB by device and driver; --device-overhead states yours",
        },
        PHASES,
        [[times(setup.deviceOverhead ?? CONTEXT, "B")]],
      ),
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

/** int8: matrices and token tables at one byte with an fp32 scale for every row (specs/model_spec.py); convolutions stay in 16 bits on CUDA. */
function weights(model: Model, setup: Setup): LinePlan[] {
  const small = bytesOf(setup.precision) === 1;
  const counts = new Map<Component, { matrices: number; rows: number; rest: number }>();
  walk(model.root, (module, { component, copies }) => {
    for (const { shape, tiedTo } of module.tensors) {
      if (tiedTo !== undefined || component === undefined) continue;
      const count = counts.get(component) ?? { matrices: 0, rows: 0, rest: 0 };
      const matrix = shape.length === 2 && module.name !== "embed_positions";
      count[matrix && small ? "matrices" : "rest"] += elements(shape) * copies;
      if (matrix && small) count.rows += (shape[0] ?? 0) * copies;
      counts.set(component, count);
    }
  });
  const rest = small ? setup.compute : setup.precision;
  return [...counts].map(([component, count]) =>
    line(
      {
        label: "weights",
        component,
        kind: "weights",
        basis: "exact",
        source: `${SOURCE}, specs/model_spec.py`,
      },
      PHASES,
      [
        ...(small
          ? [
              [times(count.matrices, "in matrices"), times(1, "B int8")],
              [times(count.rows, "rows"), times(4, "B of scale")],
            ]
          : []),
        [times(count.rest, small ? "elsewhere" : "parameters"), times(bytesOf(rest), `B ${rest}`)],
      ],
    ),
  );
}

/** Keys and values of the encoder's positions are not repeated for beams (`TransformerDecoder::replicate_state`). */
function cacheLines(model: Model, setup: Setup): LinePlan[] {
  return caches(model.root, setup.compute, setup.compute, 1).map((cache) => {
    const sum = cache
      .size("cached")
      .map((product) =>
        cache.kind === "cross"
          ? product.map((factor) =>
              factor.of === "decoded" ? { ...factor, of: "batch" as const } : factor,
            )
          : product,
      );
    return line(
      {
        label: cache.label,
        component: cache.component,
        kind: "kv-cache",
        basis: "exact",
        source: `${SOURCE}, layers/transformer.cc`,
      },
      ["decode"],
      sum,
    );
  });
}

/** Scores of one layer in the model's dtype beside queries, keys, values and the layer's states; or the feed-forward's inner values. */
function activations(
  { encoder, decoder, bins, heads, inner, vocab }: SpeechToText,
  setup: Setup,
): LinePlan[] {
  const size = times(bytesOf(setup.compute), `B ${setup.compute}`);
  const rows: Product = [times("batch", "sequences"), times("positions", "positions")];
  const states = (count: number): Product => [
    times(count, ""),
    ...rows,
    times(encoder.op.width, "wide"),
    size,
  ];
  const moment = (at: string, ...products: readonly Product[]) => ({
    at,
    buffers: products.map((product) => ({ label: at, size: product })),
  });
  const about = {
    label: "activations",
    kind: "activation",
    basis: "rule",
    source: `${SOURCE}, layers/attention.cc`,
  } as const;
  return [
    line(
      {
        label: "mel input",
        component: encoder.component,
        kind: "input",
        basis: "exact",
        source: "features of the windows that run",
      },
      ["encode"],
      [[times("batch", "sequences"), times(bins, "mel bins"), times("frames", "frames"), size]],
    ),
    line(
      {
        label: "encoder output",
        component: encoder.component,
        kind: "activation",
        basis: "rule",
        source: about.source,
      },
      ["decode"],
      [
        [
          times("batch", "sequences"),
          times("memory", "positions"),
          times(encoder.op.width, "wide"),
          size,
        ],
      ],
    ),
    {
      ...about,
      component: encoder.component,
      alive: {
        encode: {
          peakOf: [
            moment("attention", states(8), [
              ...rows,
              times(heads, "heads"),
              times("positions", "positions"),
              size,
            ]),
            moment("feed-forward", states(3), [times(2, ""), ...rows, times(inner, "inner"), size]),
          ],
        },
      },
    },
    line(
      { ...about, component: decoder.component },
      ["decode"],
      [
        // Logits in the model's dtype, and log-probabilities in fp32.
        [
          times("decoded", "sequences"),
          times(vocab, "vocabulary"),
          times(bytesOf(setup.compute) + 4, "B"),
        ],
      ],
    ),
  ];
}
