import { attention } from "../layers/attention.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { conformerLayer, halfFeedForward, withPositions } from "./conformer.ts";
import { depthwiseStriding, stridingEntry } from "./depthwise-striding.ts";

export interface Phi4ConformerSizes {
  readonly bins: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly kernel: number;
  /** Channels after the gated pointwise convolution, and after the depthwise-separable one. */
  readonly pointwiseOut: number;
  readonly separableOut: number;
  readonly multiplier: number;
  readonly stemChannels: number;
  readonly timeReduction: number;
  /** Rows of the table of relative positions. */
  readonly distances: number;
}

/** Longer sequences are folded into blocks of this many positions (`max_seq_len` in Phi4MultimodalAudioModel.forward). */
const FOLD = 500;

/**
 * The conformer of Phi-4-multimodal: gated feed-forwards, one table of T5 position biases for all layers, gated
 * pointwise convolutions with biases of their own. Source: transformers 5.18, `models/phi4_multimodal`.
 */
export function phi4Conformer(name: string, sizes: Phi4ConformerSizes): Module {
  const { bins, width, layers, heads, timeReduction } = sizes;
  let binsOut = bins;
  for (let n = timeReduction; n > 1; n /= 2) binsOut = Math.floor((binsOut - 1) / 2 + 1);
  return module(
    "Phi4MultimodalAudioModel",
    name,
    [
      module("Phi4MultimodalAudioMeanVarianceNormLayer", "encoder_embedding", [], {
        buffers: ["global_mean", "global_invstd"].map((buffer) => ({
          name: buffer,
          shape: [bins],
          dtype: "model",
          persistent: true,
        })),
      }),
      depthwiseStriding("Phi4MultimodalAudioNemoConvSubsampling", "embed", {
        names: ["conv", "out"],
        channels: sizes.stemChannels,
        width,
        factor: timeReduction,
        kernel: 3,
        binsOut,
      }),
      module("Phi4MultimodalAudioRelativeAttentionBias", "relative_attention_bias_layer", [
        embedding("bias_values", sizes.distances, heads),
      ]),
      stack(upTo(layers), layer(sizes)),
    ],
    {
      component: "audio_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        servedWhole: true,
        entry: stridingEntry({
          channels: sizes.stemChannels,
          bins,
          kernel: 3,
          factor: timeReduction,
          stride: 2,
        }),
      },
    },
  );
}

function layer(sizes: Phi4ConformerSizes): Module {
  const { width, heads, inner, kernel, pointwiseOut, separableOut, multiplier } = sizes;
  const feedForward = (name: string) =>
    halfFeedForward("Phi4MultimodalAudioMLP", name, {
      width,
      inner,
      names: ["gate_up_proj", "down_proj"],
      gated: true,
      before: [layerNorm("layer_norm", width)],
    });
  return conformerLayer(
    "Phi4MultimodalAudioConformerEncoderLayer",
    "encoders",
    width,
    [
      feedForward("feed_forward_in"),
      withPositions(
        attention("Phi4MultimodalAudioAttention", "self_attn", {
          width,
          heads,
          names: [
            ["q", "q_proj"],
            ["k", "k_proj"],
            ["v", "v_proj"],
            ["o", "o_proj"],
          ],
          span: { kind: "chunk", size: FOLD, causal: false },
          scores: "fp32-softmax",
          cached: false,
        }),
        { kind: "bias" },
      ),
      module("Phi4MultimodalAudioConvModule", "conv", [
        layerNorm("layer_norm", width),
        module(
          "Phi4MultimodalAudioGluPointWiseConv",
          "glu",
          [conv1d("ext_pw_conv_1d", width, 2 * pointwiseOut, 1)],
          {
            tensors: ["b1", "b2"].map((name) => ({ name, shape: [1, pointwiseOut, 1] })),
          },
        ),
        module("Phi4MultimodalAudioDepthWiseSeparableConv1d", "dw_sep_conv_1d", [
          conv1d("dw_conv", width, width * multiplier, kernel, { groups: width }),
          conv1d("pw_conv", width * multiplier, separableOut, 1),
        ]),
        conv1d("ext_pw_conv_1d", width, pointwiseOut, 1),
      ]),
      feedForward("feed_forward_out"),
      layerNorm("layer_norm_att", width),
      layerNorm("layer_norm", width),
    ],
    ["feed_forward_in", "self_attn", "conv", "feed_forward_out"],
  );
}
