import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";
import type { AttentionOp, ConvFrontEnd, FeedForwardOp, ScoreStyle, Span } from "../tree/op.ts";

const PROJECTIONS = [
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["q", "q_proj"],
  ["o", "out_proj"],
] as const;

export interface WhisperEncoderSizes {
  readonly bins: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly positions: number;
}

interface Named {
  readonly name: string;
  /** Prefix of the class names in the reference implementation: "Whisper", "Qwen2Audio". */
  readonly classes: string;
  readonly component: Component;
}

/** What sets the descendants of Whisper's encoder apart. */
interface EncoderHabits extends Named {
  /** The position table stays in fp32 when the model is loaded in another dtype (Voxtral). */
  readonly fp32Positions?: boolean;
  /** Whether vLLM takes the reference's module for it. */
  readonly servedWhole?: boolean | { readonly before: number };
}

/** The convolutions that turn mel frames into positions, half as many. */
export const melConvolutions = (bins: number, width: number): readonly Module[] => [
  conv1d("conv1", bins, width, 3),
  conv1d("conv2", width, width, 3),
];

export const melEntry = (bins: number, width: number): ConvFrontEnd => ({
  kind: "conv-front-end",
  bins,
  width,
  strides: [1, 2],
});

/**
 * Whisper's encoder (Radford et al. 2022, section 2.2): two convolutions over the mel frames, the second with stride 2,
 * a sinusoidal position table that is stored as a parameter, and pre-norm layers with full attention. Keys have no bias.
 * It keeps nothing between decoding steps.
 */
export function whisperEncoder(
  sizes: WhisperEncoderSizes,
  { name, classes, component, fp32Positions, servedWhole = false }: EncoderHabits,
): Module {
  const { bins, width, layers, heads, inner, positions } = sizes;
  return module(
    `${classes}Encoder`,
    name,
    [
      ...melConvolutions(bins, width),
      embedding("embed_positions", positions, width, fp32Positions ? { dtype: "fp32" } : {}),
      stack(
        upTo(layers),
        whisperEncoderLayer(classes, { width, heads, inner }, { contiguous: true }),
      ),
      layerNorm("layer_norm", width),
    ],
    {
      component,
      op: {
        kind: "tower",
        side: "encoder",
        width,
        entry: melEntry(bins, width),
        servedWhole,
      },
    },
  );
}

export interface WhisperDecoderSizes {
  readonly vocab: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly positions: number;
}

/** Whisper's decoder: learned positions, and layers that attend to their own past and to the encoder's output. */
export function whisperDecoder(
  sizes: WhisperDecoderSizes,
  { name, classes, component }: Named,
): Module {
  const { vocab, width, layers, heads, inner, positions } = sizes;
  return module(
    `${classes}Decoder`,
    name,
    [
      embedding("embed_tokens", vocab, width, { component: "embeddings" }),
      embedding("embed_positions", positions, width),
      stack(
        upTo(layers),
        whisperLayer(`${classes}DecoderLayer`, `${classes}Attention`, {
          width,
          heads,
          inner,
          span: { kind: "causal" },
          cross: true,
          contiguous: true,
        }),
      ),
      layerNorm("layer_norm", width),
    ],
    { component, op: { kind: "tower", side: "decoder", width, held: 2 } },
  );
}

/** One layer of the encoder, for towers that stack such layers behind another entry. */
export const whisperEncoderLayer = (
  classes: string,
  sizes: Pick<WhisperEncoderSizes, "width" | "heads" | "inner">,
  habits: Pick<LayerSizes, "keyBias" | "scores" | "rebinds" | "contiguous"> & {
    readonly span?: Span;
  } = {},
): Module =>
  whisperLayer(`${classes}EncoderLayer`, `${classes}Attention`, {
    ...sizes,
    ...habits,
    span: habits.span ?? { kind: "full" },
  });

interface LayerSizes {
  readonly width: number;
  readonly heads: number;
  readonly inner: number;
  readonly span: Span;
  readonly cross?: boolean;
  /** Whisper's keys have none. */
  readonly keyBias?: boolean;
  /** Norms come before each block unless they come after it (BART). */
  readonly norms?: "before" | "after";
  readonly scores?: ScoreStyle;
  /** The norm's result loses its name once the feed-forward's first matrix has run. */
  readonly rebinds?: true;
  /** Whether its own keys and values are kept; those that attend to an encoder do. */
  readonly cached?: boolean;
  readonly contiguous?: AttentionOp["contiguous"];
  /** No biases but in norms (MusicGen). */
  readonly unbiased?: boolean;
}

/** A layer of Whisper and of decoders in its shape. */
export function whisperLayer(className: string, attentionClass: string, sizes: LayerSizes): Module {
  const { width, heads, inner, span, cross = false, unbiased = false } = sizes;
  const attend = (name: string, over: "self" | "cross") =>
    attention(attentionClass, name, {
      width,
      heads,
      names: PROJECTIONS,
      bias: unbiased ? false : { k: sizes.keyBias ?? false },
      over,
      span: over === "cross" ? { kind: "full" } : span,
      scores: sizes.scores ?? "scaled-copy",
      cached: sizes.cached ?? cross,
      ...(sizes.contiguous && { habits: { contiguous: true } }),
    });
  const feedForward: FeedForwardOp = {
    kind: "feed-forward",
    width,
    inner,
    gated: false,
    ...(sizes.rebinds && { rebinds: true }),
  };
  return module(
    className,
    "layers",
    [
      attend("self_attn", "self"),
      layerNorm("self_attn_layer_norm", width),
      ...(cross
        ? [attend("encoder_attn", "cross"), layerNorm("encoder_attn_layer_norm", width)]
        : []),
      ...feedForwardPair(width, inner, ["fc1", "fc2"], { bias: !unbiased }),
      layerNorm("final_layer_norm", width),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [
          { run: "self_attn" },
          ...(cross ? [{ run: "encoder_attn" }] : []),
          { run: feedForward },
        ],
        ...(sizes.norms && { norms: sizes.norms }),
      },
    },
  );
}

/** Heads share the width evenly; the reference implementation refuses a config where they cannot. */
export function evenHeads(
  width: number,
  heads: number,
  widthField: string,
  headsField: string,
): void {
  if (width % heads !== 0) {
    throw new InputError(
      "inconsistent",
      `${headsField} is ${heads}, which does not divide ${widthField} ${width}: correct one of them in the config.`,
      headsField,
    );
  }
}
