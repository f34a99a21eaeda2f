import { attention } from "../layers/attention.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { batchNorm, layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { conformerLayer, convolutionModule, withPositions } from "./conformer.ts";
import { intermediateFeedForward, type SpeechEncoderSizes } from "./wav2vec2.ts";

/**
 * How a layer knows distances: sines of every one ("relative", Transformer-XL), a learned table of the near ones
 * ("relative_key", Shaw), rotary frequencies, or not at all.
 */
export type ConformerPositions = string | null;

export interface SpeechConformer extends SpeechEncoderSizes {
  readonly kernel: number;
  readonly positions: ConformerPositions;
  /** Distances that the learned table tells apart, before and after. */
  readonly left?: number;
  readonly right?: number;
  /** A mask of chunks is added to the scores of positions. */
  readonly chunked?: boolean;
  /** What follows the depthwise convolution. */
  readonly norm: "batch" | "layer";
}

const PROJECTIONS = [
  ["q", "linear_q"],
  ["k", "linear_k"],
  ["v", "linear_v"],
  ["o", "linear_out"],
] as const;

interface SelfAttention
  extends Pick<SpeechConformer, "width" | "heads" | "left" | "right" | "chunked"> {
  readonly positions: ConformerPositions;
}

function selfAttention(classes: string, options: SelfAttention): Module {
  const { width, heads, positions, left = 0, right = 0 } = options;
  const headDim = Math.floor(width / heads);
  const relative = positions === "relative";
  const learned = positions === "relative_key";
  const plain = attention(`${classes}SelfAttention`, "self_attn", {
    width,
    heads,
    names: PROJECTIONS,
    extra: [
      ...(relative
        ? [
            linear("linear_pos", width, width, {
              bias: false,
              divide: { by: "columns", units: heads },
            }),
          ]
        : []),
      ...(learned ? [embedding("distance_embedding", left + right + 1, headDim)] : []),
    ],
    span: { kind: "full" },
    scores: "scaled-copy",
    cached: false,
  });
  if (!(relative || learned)) return plain;
  return {
    ...withPositions(
      plain,
      relative
        ? { kind: "sines" }
        : {
            kind: "keys",
            shared: false,
            ...(options.chunked && { masked: true as const }),
          },
    ),
    tensors: relative
      ? ["pos_bias_u", "pos_bias_v"].map((name) => ({
          name,
          shape: [heads, headDim],
          cut: { dim: 0, units: heads },
        }))
      : [],
  };
}

/** The conformer layer of wav2vec 2.0's descendants (fairseq's names), as in w2v-BERT and Seamless. */
export function speechConformerLayer(classes: string, options: SpeechConformer): Module {
  const { width, inner, kernel, norm } = options;
  return conformerLayer(
    `${classes}EncoderLayer`,
    "layers",
    width,
    [
      layerNorm("ffn1_layer_norm", width),
      intermediateFeedForward(classes, "ffn1", width, inner),
      layerNorm("self_attn_layer_norm", width),
      selfAttention(classes, options),
      convolutionModule(`${classes}ConvolutionModule`, "conv_module", {
        width,
        kernel,
        names: ["pointwise_conv1", "depthwise_conv", "pointwise_conv2"],
        bias: { pointwise: false, depthwise: false },
        norm:
          norm === "batch"
            ? batchNorm("batch_norm", width)
            : layerNorm("depthwise_layer_norm", width),
        before: layerNorm("layer_norm", width),
      }),
      layerNorm("ffn2_layer_norm", width),
      intermediateFeedForward(classes, "ffn2", width, inner),
      layerNorm("final_layer_norm", width),
    ],
    ["ffn1", "self_attn", "conv_module", "ffn2"],
  );
}

interface PositionTable {
  readonly positions: ConformerPositions;
  readonly width: number;
  readonly heads: number;
  /** Positions that the table of sines reaches. */
  readonly reach: number;
  /** Whether rotary frequencies are stored in the checkpoint. */
  readonly stored: boolean;
}

/** Sines of every distance that the table reaches, or rotary frequencies; made once for all layers. */
export function positionTable(classes: string, options: PositionTable): Module | undefined {
  const { positions, width, heads, reach, stored } = options;
  if (positions === "relative") {
    return module(`${classes}RelPositionalEmbedding`, "embed_positions", [], {
      buffers: [
        { name: "pe", shape: [1, 2 * reach - 1, width], dtype: "model", persistent: false },
      ],
    });
  }
  if (positions !== "rotary") return undefined;
  const frequencies = Math.ceil(Math.floor(width / heads) / 2);
  return module(`${classes}RotaryPositionalEmbedding`, "embed_positions", [], {
    buffers: [{ name: "inv_freq", shape: [frequencies], dtype: "fp32", persistent: stored }],
  });
}

export interface ConformerAdapter {
  readonly width: number;
  readonly outputs: number;
  readonly inner: number;
  readonly heads: number;
  readonly layers: number;
  readonly kernel: number;
}

/** Layers that shorten the sequence: strided convolutions on the way into the residual and into the attention. */
export function conformerAdapter(classes: string, options: ConformerAdapter): Module {
  const { width, outputs, inner, heads, layers, kernel } = options;
  return module(`${classes}Adapter`, "adapter", [
    ...(outputs === width
      ? []
      : [linear("proj", width, outputs), layerNorm("proj_layer_norm", outputs)]),
    stack(
      upTo(layers),
      conformerLayer(
        `${classes}AdapterLayer`,
        "layers",
        outputs,
        [
          layerNorm("residual_layer_norm", outputs),
          conv1d("residual_conv", outputs, 2 * outputs, kernel),
          layerNorm("self_attn_layer_norm", outputs),
          conv1d("self_attn_conv", outputs, 2 * outputs, kernel),
          selfAttention(classes, { width: outputs, heads, positions: null }),
          layerNorm("ffn_layer_norm", outputs),
          intermediateFeedForward(classes, "ffn", outputs, inner),
        ],
        ["self_attn", "ffn"],
      ),
    ),
  ]);
}
