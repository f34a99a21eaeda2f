import { attention } from "../layers/attention.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { batchNorm, layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { ConvFrontEnd } from "../tree/op.ts";
import type { Tensor } from "../tree/tensor.ts";
import { seq2seqLayer, sinusoids } from "./seq2seq-layer.ts";
import { featureProjection, intermediateFeedForward, positionalConv } from "./wav2vec2.ts";
import { featureEncoder, type SampleConvolutions } from "./wav2vec2-features.ts";

const CLASSES = "SpeechT5";

/** The reference has no other attention than its own, and hands out weights only when asked. */
const PLAIN = { always: "eager", returns: "nothing" } as const;

export interface SpeechT5Sizes {
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
}

const PROJECTIONS = [
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["q", "q_proj"],
  ["o", "out_proj"],
] as const;

/** wav2vec 2.0's layers with a table of relative positions that all of them share (Ao et al. 2021). */
export function speechT5Encoder(
  { width, inner, layers, heads }: SpeechT5Sizes,
  reach: number,
  entry: ConvFrontEnd | undefined,
): Module {
  const { op, ...attend } = attention(`${CLASSES}Attention`, "attention", {
    width,
    heads,
    names: PROJECTIONS,
    span: { kind: "full" },
    scores: "scaled-copy",
    cached: false,
  });
  const layer = module(
    `${CLASSES}EncoderLayer`,
    "layers",
    [
      {
        ...attend,
        ...(op?.kind === "attention" && {
          op: { ...op, ...PLAIN, relative: { kind: "keys", shared: true } },
        }),
      },
      layerNorm("layer_norm", width),
      intermediateFeedForward(CLASSES, "feed_forward", width, inner),
      layerNorm("final_layer_norm", width),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "attention" }, { run: "feed_forward" }],
        norms: "after",
      },
    },
  );
  return module(
    `${CLASSES}Encoder`,
    "wrapped_encoder",
    [
      layerNorm("layer_norm", width),
      stack(upTo(layers), layer),
      module(`${CLASSES}RelativePositionalEncoding`, "embed_positions", [
        embedding("pe_k", 2 * reach, Math.floor(width / heads)),
      ]),
    ],
    { op: { kind: "tower", side: "encoder", width, ...(entry && { entry }) } },
  );
}

export function speechT5Decoder({ width, inner, layers, heads }: SpeechT5Sizes): Module {
  const layer = seq2seqLayer(`${CLASSES}DecoderLayer`, `${CLASSES}Attention`, {
    width,
    heads,
    span: { kind: "causal" },
    cross: true,
    feedForward: [intermediateFeedForward(CLASSES, "feed_forward", width, inner)],
    run: "feed_forward",
    norms: "after",
    attention: PLAIN,
  });
  return module(`${CLASSES}Decoder`, "wrapped_decoder", [stack(upTo(layers), layer)], {
    op: { kind: "tower", side: "decoder", width },
  });
}

export interface SamplesPrenet {
  readonly width: number;
  readonly convolutions: SampleConvolutions;
  readonly kernel: number;
  readonly groups: number;
  readonly positions: number;
  readonly tensors: readonly Tensor[];
}

/** Raw samples to the encoder's width: wav2vec 2.0's front end, and sinusoids beside its positional convolution. */
export const samplesPrenet = (options: SamplesPrenet): Module => {
  const { width, convolutions, kernel, groups, positions, tensors } = options;
  return module(
    `${CLASSES}SpeechEncoderPrenet`,
    "prenet",
    [
      featureEncoder(CLASSES, "feature_encoder", convolutions),
      featureProjection(CLASSES, convolutions.dims.at(-1) ?? 1, width),
      positionalConv(CLASSES, { width, kernel, groups }),
      sinusoids(
        `${CLASSES}SinusoidalPositionalEmbedding`,
        "pos_sinusoidal_embed",
        positions,
        width,
      ),
    ],
    { tensors },
  );
};

/** Sinusoids that a single learned number scales. */
const scaledPositions = (positions: number, width: number): Module =>
  module(`${CLASSES}ScaledPositionalEncoding`, "encode_positions", [], {
    tensors: [{ name: "alpha", shape: [] }],
    buffers: [{ name: "pe", shape: [1, positions, width], dtype: "model", persistent: false }],
  });

const words = (vocab: number, width: number): Module =>
  embedding("embed_tokens", vocab, width, { component: "embeddings", divided: true });

export const textEncoderPrenet = (vocab: number, positions: number, width: number): Module =>
  module(`${CLASSES}TextEncoderPrenet`, "prenet", [
    words(vocab, width),
    scaledPositions(positions, width),
  ]);

export const textDecoderPrenet = (vocab: number, positions: number, width: number): Module =>
  module(`${CLASSES}TextDecoderPrenet`, "prenet", [
    words(vocab, width),
    sinusoids(`${CLASSES}SinusoidalPositionalEmbedding`, "embed_positions", positions, width),
  ]);

export interface MelPrenet {
  readonly width: number;
  readonly bins: number;
  readonly layers: number;
  readonly units: number;
  readonly speaker: number;
  readonly positions: number;
}

/** The last mel frame to the decoder's width, and the speaker's vector beside it. */
export function melPrenet({ width, bins, layers, units, speaker, positions }: MelPrenet): Module {
  return module(`${CLASSES}SpeechDecoderPrenet`, "prenet", [
    stack([[0, 0]], linear("layers", bins, units)),
    stack(layers > 1 ? [[1, layers - 1]] : [], linear("layers", units, units)),
    linear("final_layer", units, width),
    scaledPositions(positions, width),
    linear("speaker_embeds_layer", speaker + width, width),
  ]);
}

export interface MelPostnet {
  readonly width: number;
  readonly bins: number;
  readonly layers: number;
  readonly units: number;
  readonly kernel: number;
  /** Mel frames that one decoding step yields. */
  readonly perStep: number;
}

/** Decoder states to mel frames and stop probabilities, and convolutions that refine the whole spectrogram. */
export function melPostnet({ width, bins, layers, units, kernel, perStep }: MelPostnet): Module {
  const refine = (inputs: number, outputs: number) =>
    module(`${CLASSES}BatchNormConvLayer`, "layers", [
      conv1d("conv", inputs, outputs, kernel, { bias: false }),
      batchNorm("batch_norm", outputs),
    ]);
  const last = layers - 1;
  return module(
    `${CLASSES}SpeechDecoderPostnet`,
    "speech_decoder_postnet",
    [
      linear("feat_out", width, bins * perStep),
      linear("prob_out", width, perStep),
      stack([[0, 0]], refine(bins, last === 0 ? bins : units)),
      stack(last > 1 ? [[1, last - 1]] : [], refine(units, units)),
      stack(last > 0 ? [[last, last]] : [], refine(units, bins)),
    ],
    { component: "text_model" },
  );
}
