import type { AudioGeometry, Step } from "../audio/geometry.ts";
import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { conv } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { sinusoids } from "../layers/sinusoids.ts";
import { upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";
import type { ConvFrontEnd, FeatureMap } from "../tree/op.ts";
import { whisperEncoderLayer } from "./whisper.ts";

export interface QwenAudioSizes {
  readonly bins: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  /** Channels of the convolutions. */
  readonly channels: number;
  /** Rows of the sinusoid table, a buffer here. */
  readonly positions: number;
  /** Frames that are convolved together: 2 · n_window. */
  readonly chunk: number;
  /** Positions that attend to each other. */
  readonly block: number;
  /** Width of what leaves the tower, where its projector lies inside (`proj1`, `proj2`). */
  readonly outputs?: number;
}

interface Named {
  readonly name: string;
  readonly class: string;
  /** Prefix of the class names of its layers: "Qwen3ASRAudio". */
  readonly classes: string;
  readonly component: Component;
}

/** Mel bins that are left after `times` convolutions of stride 2 and padding 1. */
const halved = (bins: number, times = 3): number =>
  times === 0 ? bins : halved(Math.floor((bins + 1) / 2), times - 1);

/**
 * Three convolutions over time and frequency, each halving both, and the matrix that makes one position of the channels
 * and bins that are left.
 */
export function spectrogramConvolutions(
  { bins, width, channels }: Pick<QwenAudioSizes, "bins" | "width" | "channels">,
  names: readonly [string, string, string, out: string],
  options: { readonly bias?: boolean } = {},
): readonly Module[] {
  return [
    conv(names[0], 1, channels, [3, 3]),
    conv(names[1], channels, channels, [3, 3]),
    conv(names[2], channels, channels, [3, 3]),
    linear(names[3], channels * halved(bins), width, options),
  ];
}

/**
 * The audio encoder of Qwen3-Omni and Qwen3-ASR: mel frames in chunks of `2 · n_window` through three convolutions, and
 * Whisper's layers with a bias on keys too, over blocks of some seconds.
 * Source: `models/qwen3_asr/modeling_qwen3_asr.py`, `models/qwen3_omni_moe/modeling_qwen3_omni_moe.py`.
 */
export function qwenAudioEncoder(sizes: QwenAudioSizes, named: Named): Module {
  const { width, layers, outputs } = sizes;
  const layer = whisperEncoderLayer(named.classes, sizes, {
    keyBias: true,
    scores: "fp32-softmax",
    span: { kind: "chunk", size: sizes.block, causal: false, folded: "one by one" },
  });
  return module(
    named.class,
    named.name,
    [
      sinusoids("positional_embedding", "SinusoidsPositionEmbedding", sizes.positions, width),
      stack(upTo(layers), layer),
      layerNorm("ln_post", width),
      ...spectrogramConvolutions(sizes, ["conv2d1", "conv2d2", "conv2d3", "conv_out"], {
        bias: false,
      }),
      ...(outputs === undefined
        ? []
        : [linear("proj1", width, width), linear("proj2", width, outputs)]),
    ],
    {
      component: named.component,
      op: {
        kind: "tower",
        side: "encoder",
        width,
        servedWhole: { before: 16 },
        entry: chunkedEntry(sizes),
      },
    },
  );
}

/** Every chunk of frames goes through the convolutions as an image of its own; the first one leaves the most. */
function chunkedEntry({ bins, channels, chunk }: QwenAudioSizes): ConvFrontEnd {
  const map = (label: string): FeatureMap => ({
    label,
    steps: [{ kind: "blocks", size: chunk, steps: [HALVING] }],
    width: channels * halved(bins, 1),
  });
  return {
    kind: "conv-front-end",
    bins,
    width: channels,
    strides: [2, 2, 2],
    moments: [
      [
        { label: "frames in chunks", steps: [], width: bins },
        map("convolution"),
        map("activation"),
      ],
    ],
  };
}

const HALVING: Step = { kind: "conv", kernel: 3, stride: 2, padding: 1 };
export const HALVED_THRICE: readonly Step[] = [HALVING, HALVING, HALVING];

/** Positions of one chunk of `2 · nWindow` frames times the chunks in `nWindowInfer` frames: what attends to each other. */
export function qwenAudioBlock(nWindow: number, nWindowInfer: number): number {
  let positions = 2 * nWindow;
  for (let i = 0; i < 3; i++) positions = Math.floor((positions - 1) / 2) + 1;
  return Math.max(1, positions * Math.floor(nWindowInfer / (2 * nWindow)));
}

/** `_get_feat_extract_output_lengths`: every chunk through the convolutions by itself; each position is a token. */
export const qwenAudioGeometry = (bins: number, nWindow: number): AudioGeometry => ({
  sampleRate: SAMPLE_RATE,
  bins,
  masked: true,
  framing: [{ kind: "floor", by: HOP }],
  encoding: [{ kind: "blocks", size: 2 * nWindow, steps: HALVED_THRICE }],
  pooling: [],
});
