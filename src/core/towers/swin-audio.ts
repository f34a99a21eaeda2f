import { conv2d } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { batchNorm, layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { FeatureMap } from "../tree/op.ts";
import { type BertLayerOptions, splitAttention, splitFeedForward, splitLayerOp } from "./bert.ts";

export interface SwinAudioSizes {
  readonly bins: number;
  readonly inputs: number;
  /** Width of the first stage; every merging of patches doubles it. */
  readonly width: number;
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  readonly window: number;
  readonly patch: readonly [number, number];
  readonly normedPatches: boolean;
  readonly bias: boolean;
  readonly ratio: number;
  /** Long recordings enter as four spectrograms that an attentional fusion joins. */
  readonly fusion?: {
    readonly reduction: number;
    /** The four are channels of one convolution (`channel_map`). */
    readonly stacked: boolean;
  };
}

const CLASSES = "ClapAudio";

/**
 * Variables of `ClapAudioLayer.forward` that are still referenced while its feed-forward runs, besides `shortcut` (the layer's
 * input), `hidden_states` (the residual) and `layer_output` (the norm): in a layer that shifts its windows each is a tensor of
 * its own. Source: `models/clap/modeling_clap.py` (transformers 5.18), `ClapAudioLayer.forward`.
 */
const KEPT = [
  "shifted_hidden_states", // torch.roll
  "hidden_states_windows", // window_partition copies
  "attention_output", // of attention_outputs[0]; attention_windows is a view of it until it is rolled back
  "shifted_windows", // window_reverse copies
  "attention_windows", // torch.roll back
] as const;
/** Spectrograms of a fused recording: the whole, shrunk, and three pieces. */
export const FUSED = 4;
/** How much wider a piece's convolution is than a patch. */
const PIECE = 3;

const batchNorm2d = (name: string, width: number): Module => ({
  ...batchNorm(name, width),
  class: "BatchNorm2d",
});

/** Local and global channel attention (Dai et al. 2020): two pointwise convolutions each, at these places of a sequence. */
function fusionBlock(channels: number, reduction: number): Module {
  const inner = Math.floor(channels / reduction);
  const branch = (name: string, first: number) =>
    module("Sequential", name, [
      conv2d(String(first), channels, inner, 1),
      batchNorm2d(String(first + 1), inner),
      conv2d(String(first + 3), inner, channels, 1),
      batchNorm2d(String(first + 4), channels),
    ]);
  return module(`${CLASSES}AFFBlock`, "fusion_model", [
    branch("local_att", 0),
    branch("global_att", 1),
  ]);
}

function patchEmbedding(sizes: SwinAudioSizes): Module {
  const { inputs, width, patch, fusion } = sizes;
  const [height, length] = patch;
  return module(`${CLASSES}PatchEmbed`, "patch_embed", [
    conv2d("proj", inputs * (fusion?.stacked ? FUSED : 1), width, patch),
    sizes.normedPatches ? layerNorm("norm", width) : undefined,
    ...(fusion
      ? [
          fusionBlock(width, fusion.reduction),
          conv2d("mel_conv2d", inputs, width, [height, PIECE * length]),
        ]
      : []),
  ]);
}

/** What else is referenced while the layers run: the spectrogram behind its batch norm, and who sees whom in shifted windows. */
function mapsOf({ bins, window, depths }: SwinAudioSizes): readonly FeatureMap[] {
  const last = window * 2 ** (depths.length - 1);
  return [
    { label: "normed spectrogram", steps: [], width: bins },
    {
      label: "mask of shifted windows",
      steps: [{ kind: "fixed", value: 1 }],
      width: (last / window) ** 2 * window ** 4,
      once: true,
    },
  ];
}

function stage(sizes: SwinAudioSizes, index: number): Module {
  const { window, bias, ratio, depths } = sizes;
  const width = sizes.width * 2 ** index;
  const heads = sizes.heads[index] ?? 1;
  const area = window ** 2;
  const options: BertLayerOptions = {
    classes: CLASSES,
    width,
    inner: Math.floor(ratio * width),
    heads,
    scores: "scaled-copy",
    bias,
    tensors: [{ name: "relative_position_bias_table", shape: [(2 * window - 1) ** 2, heads] }],
    buffers: [
      { name: "relative_position_index", shape: [area, area], dtype: "int64", persistent: true },
    ],
    attention: { always: "eager", returns: "nothing" },
    chunk: area,
    norms: "before",
    keeps: KEPT.length,
  };
  const block = module(
    `${CLASSES}Layer`,
    "blocks",
    [
      layerNorm("layernorm_before", width),
      splitAttention(options),
      layerNorm("layernorm_after", width),
      ...splitFeedForward(options),
    ],
    { op: splitLayerOp(options) },
  );
  return module(
    `${CLASSES}Stage`,
    "layers",
    [
      stack(upTo(depths[index] ?? 0), block),
      index < depths.length - 1
        ? module(`${CLASSES}PatchMerging`, "downsample", [
            linear("reduction", 4 * width, 2 * width, { bias: false }),
            layerNorm("norm", 4 * width),
          ])
        : undefined,
    ],
    {
      indices: [[index, index]],
      // Every later stage holds half as much: a quarter of the positions, twice as wide.
      ...(index === 0 && { op: { kind: "tower", side: "encoder", width, maps: mapsOf(sizes) } }),
    },
  );
}

/** HTS-AT (Chen et al. 2022), a Swin transformer over a spectrogram that is folded into a square. */
export function swinAudioEncoder(name: string, sizes: SwinAudioSizes): Module {
  const { depths } = sizes;
  return module(`${CLASSES}Encoder`, name, [
    patchEmbedding(sizes),
    ...depths.map((_, index) => stage(sizes, index)),
    batchNorm2d("batch_norm", sizes.bins),
    layerNorm("norm", sizes.width * 2 ** (depths.length - 1)),
  ]);
}
