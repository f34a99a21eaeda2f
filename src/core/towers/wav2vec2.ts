import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { batchNorm, layerNorm } from "../layers/norm.ts";
import { weightNormed } from "../layers/weight-norm-conv.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { ConvFrontEnd, Dropout } from "../tree/op.ts";

export interface SpeechEncoderSizes {
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly dropout?: Dropout;
}

const PROJECTIONS = [
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["q", "q_proj"],
  ["o", "out_proj"],
] as const;

/** Norm over the last convolution's channels, and the matrix to the transformer's width. */
export const featureProjection = (
  classes: string,
  channels: number,
  width: number,
  normed = true,
): Module =>
  module(`${classes}FeatureProjection`, "feature_projection", [
    normed ? layerNorm("layer_norm", channels) : undefined,
    linear("projection", channels, width),
  ]);

export interface PositionalConv {
  readonly width: number;
  readonly kernel: number;
  readonly groups: number;
  /** A batch norm after it instead of the weight norm (HuBERT's `conv_pos_batch_norm`). */
  readonly batchNormed?: boolean;
}

/** Relative positions from one wide grouped convolution, whose weight norm runs along the kernel (dim 2). */
export function positionalConv(classes: string, options: PositionalConv): Module {
  const { width, kernel, groups, batchNormed = false } = options;
  const conv = conv1d("conv", width, width, kernel, { groups });
  return module(`${classes}PositionalConvEmbedding`, "pos_conv_embed", [
    batchNormed ? conv : weightNormed(conv, 2),
    batchNormed ? batchNorm("batch_norm", width) : undefined,
  ]);
}

/** @throws InputError where the width does not split into the groups of the positional convolution. */
export function evenGroups(width: number, groups: number, field: (name: string) => string): void {
  if (width % groups === 0) return;
  const path = field("num_conv_pos_embedding_groups");
  throw new InputError(
    "inconsistent",
    `${path} is ${groups}, which does not divide ${field("hidden_size")} ${width}: correct one of them in the config.`,
    path,
  );
}

export const intermediateFeedForward = (
  classes: string,
  name: string,
  width: number,
  inner: number,
): Module =>
  module(
    `${classes}FeedForward`,
    name,
    feedForwardPair(width, inner, ["intermediate_dense", "output_dense"]),
    { op: { kind: "feed-forward", width, inner, gated: false } },
  );

/** WavLM (Chen et al. 2021): relative positions by buckets, gated by each head's queries; the table lies in the first layer. */
export interface GatedPositions {
  readonly buckets: number;
}

export interface SpeechLayerHabits {
  /** Norms before attention and feed-forward (`do_stable_layer_norm`) or after them. */
  readonly stable: boolean;
  /** Inner width of a bottleneck after the feed-forward, one for each language (MMS's `adapter_attn_dim`). */
  readonly bottleneck?: number;
  readonly gatedPositions?: GatedPositions;
}

/** Gates per head in WavLM's attention: `gru_rel_pos_linear` has 8 outputs. */
const POSITION_GATES = 8;

function speechAttention(
  classes: string,
  { width, heads }: SpeechEncoderSizes,
  gated: GatedPositions | undefined,
  first: boolean,
): Module {
  const plain = attention(`${classes}Attention`, "attention", {
    width,
    heads,
    names: PROJECTIONS,
    span: { kind: "full" },
    scores: "scaled-copy",
    cached: false,
    extra: gated
      ? [
          linear("gru_rel_pos_linear", Math.floor(width / heads), POSITION_GATES),
          ...(first ? [embedding("rel_attn_embed", gated.buckets, heads)] : []),
        ]
      : [],
  });
  if (!gated || plain.op?.kind !== "attention") return plain;
  return {
    ...plain,
    tensors: [{ name: "gru_rel_pos_const", shape: [1, heads, 1, 1] }],
    op: { ...plain.op, relative: { kind: "gated-bias" }, always: "eager", returns: "nothing" },
  };
}

function encoderLayer(
  classes: string,
  sizes: SpeechEncoderSizes,
  habits: SpeechLayerHabits,
  first: boolean,
): Module {
  const { width, inner } = sizes;
  const { stable, bottleneck, gatedPositions } = habits;
  return module(
    `${classes}EncoderLayer${stable ? "StableLayerNorm" : ""}`,
    "layers",
    [
      speechAttention(classes, sizes, gatedPositions, first),
      layerNorm("layer_norm", width),
      intermediateFeedForward(classes, "feed_forward", width, inner),
      layerNorm("final_layer_norm", width),
      stable && bottleneck !== undefined
        ? module(`${classes}AttnAdapterLayer`, "adapter_layer", [
            layerNorm("norm", width),
            ...feedForwardPair(width, bottleneck, ["linear_1", "linear_2"]),
          ])
        : undefined,
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "attention" }, { run: "feed_forward" }],
        norms: stable ? "before" : "after",
        ...(sizes.dropout && { dropout: sizes.dropout }),
      },
    },
  );
}

/** The transformer layers; WavLM's first one differs from the others. */
export function speechLayers(
  classes: string,
  sizes: SpeechEncoderSizes,
  habits: SpeechLayerHabits,
): (Module | undefined)[] {
  const { layers } = sizes;
  if (!habits.gatedPositions)
    return [stack(upTo(layers), encoderLayer(classes, sizes, habits, false))];
  return [
    stack([[0, 0]], encoderLayer(classes, sizes, habits, true)),
    stack(layers > 1 ? [[1, layers - 1]] : [], encoderLayer(classes, sizes, habits, false)),
  ];
}

/** Positional convolution, norm and layers; it keeps nothing between calls. */
export function speechEncoder(
  classes: string,
  sizes: SpeechEncoderSizes,
  habits: SpeechLayerHabits,
  positions: Module,
  entry: ConvFrontEnd,
): Module {
  return module(
    `${classes}Encoder${habits.stable ? "StableLayerNorm" : ""}`,
    "encoder",
    [positions, layerNorm("layer_norm", sizes.width), ...speechLayers(classes, sizes, habits)],
    {
      op: {
        kind: "tower",
        side: "encoder",
        width: sizes.width,
        // The projected features and the positional convolution's output.
        held: 2,
        beside: [(entry.widths ?? []).at(-1) ?? entry.width],
        entry,
      },
    },
  );
}

export interface LengthAdapter {
  readonly width: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly layers: number;
}

/** Strided convolutions with gated linear units that shorten the output (`add_adapter`). */
export function lengthAdapter(classes: string, options: LengthAdapter): Module {
  const { width, outputs, kernel, layers } = options;
  return module(`${classes}Adapter`, "adapter", [
    ...(outputs === width
      ? []
      : [linear("proj", width, outputs), layerNorm("proj_layer_norm", outputs)]),
    stack(
      upTo(layers),
      module(`${classes}AdapterLayer`, "layers", [conv1d("conv", outputs, 2 * outputs, kernel)]),
    ),
  ]);
}
