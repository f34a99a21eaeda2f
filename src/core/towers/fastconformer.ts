import type { AudioGeometry } from "../audio/geometry.ts";
import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import type { RawConfig } from "../config/raw.ts";
import { within } from "../config/raw.ts";
import { count, type Door, dimension, flag, integer, maybe, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { linear } from "../layers/linear.ts";
import { batchNorm, layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";
import { conformerLayer, convolutionModule, halfFeedForward, withPositions } from "./conformer.ts";
import { depthwiseStriding, halvings, stridingEntry, stridingSteps } from "./depthwise-striding.ts";
import { evenHeads } from "./whisper.ts";

/** ParakeetEncoderConfig (transformers 5.18); a family that embeds it may have presets of its own. */
const fields = ({ width = 1024, layers = 24, inner = 4096, bins = 80 }: Presets = {}) => ({
  hidden_size: or(dimension(), width),
  num_hidden_layers: or(count(), layers),
  num_attention_heads: or(dimension(), 8),
  num_key_value_heads: maybe(dimension()),
  head_dim: maybe(dimension()),
  intermediate_size: or(dimension(), inner),
  attention_bias: or(flag(), true),
  convolution_bias: or(flag(), true),
  conv_kernel_size: or(integer(1, 10_000), 9),
  subsampling_factor: or(integer(2, 1024), 8),
  subsampling_conv_channels: or(dimension(), 256),
  num_mel_bins: or(dimension(), bins),
  subsampling_conv_kernel_size: or(integer(1, 1000), 3),
  subsampling_conv_stride: or(integer(1, 1000), 2),
});
type FastConformerConfig = ReturnType<ReturnType<typeof reader<ReturnType<typeof fields>>>>;

interface Presets {
  readonly width?: number;
  readonly layers?: number;
  readonly inner?: number;
  readonly bins?: number;
}

/** A reader of the encoder's section of a config. */
export function fastConformerReader(presets?: Presets) {
  const read = reader(() => fields(presets));
  return (raw: RawConfig, door: Door): FastConformerConfig => {
    const config = read(raw, door);
    const at = (field: string) => within(door.path, field);
    halvings(config.subsampling_factor, at("subsampling_factor"));
    if (config.head_dim === undefined) {
      const { hidden_size: width, num_attention_heads: heads } = config;
      evenHeads(width, heads, at("hidden_size"), at("num_attention_heads"));
    }
    return config;
  };
}
export const readFastConformer = fastConformerReader();

/**
 * NVIDIA's FastConformer (Rekesh et al. 2023): depthwise striding by eight, then conformer layers with Transformer-XL's
 * relative positions and batch norm. Source: transformers 5.18, `models/parakeet/modeling_parakeet.py`.
 */
export function fastConformer(
  name: string,
  config: FastConformerConfig,
  component: Component = "audio_encoder",
): Module {
  const {
    hidden_size: width,
    subsampling_factor: factor,
    subsampling_conv_stride: stride,
  } = config;
  return module(
    "ParakeetEncoder",
    name,
    [
      depthwiseStriding("ParakeetEncoderSubsamplingConv2D", "subsampling", {
        names: ["layers", "linear"],
        channels: config.subsampling_conv_channels,
        width,
        factor,
        kernel: config.subsampling_conv_kernel_size,
        binsOut: Math.floor(config.num_mel_bins / stride ** Math.log2(factor)),
      }),
      module("ParakeetEncoderRelPositionalEncoding", "encode_positions", [], {
        buffers: [
          { name: "inv_freq", shape: [Math.ceil(width / 2)], dtype: "fp32", persistent: false },
        ],
      }),
      stack(upTo(config.num_hidden_layers), layer(config)),
    ],
    {
      component,
      op: {
        kind: "tower",
        side: "encoder",
        width,
        servedWhole: true,
        entry: stridingEntry({
          channels: config.subsampling_conv_channels,
          bins: config.num_mel_bins,
          kernel: config.subsampling_conv_kernel_size,
          factor,
          stride,
        }),
      },
    },
  );
}

function layer(config: FastConformerConfig): Module {
  const { hidden_size: width, num_attention_heads: heads, attention_bias: bias } = config;
  const headDim = config.head_dim ?? Math.floor(width / heads);
  const norm = (name: string) => layerNorm(name, width);
  const feedForward = (name: string) =>
    halfFeedForward("ParakeetEncoderFeedForward", name, {
      width,
      inner: config.intermediate_size,
      names: ["linear1", "linear2"],
      bias,
    });
  const perHead = (name: string) => ({
    name,
    shape: [heads, headDim],
    cut: { dim: 0, units: heads },
  });
  return conformerLayer(
    "ParakeetEncoderBlock",
    "layers",
    width,
    [
      feedForward("feed_forward1"),
      {
        ...withPositions(
          attention("ParakeetEncoderAttention", "self_attn", {
            width,
            heads,
            kvHeads: config.num_key_value_heads ?? heads,
            headDim,
            names: [
              ["q", "q_proj"],
              ["k", "k_proj"],
              ["v", "v_proj"],
              ["o", "o_proj"],
            ],
            bias,
            extra: [
              linear("relative_k_proj", width, heads * headDim, {
                bias: false,
                divide: { by: "columns", units: heads },
              }),
            ],
            span: { kind: "full" },
            scores: "fp32-softmax",
            cached: false,
          }),
          { kind: "sines" },
        ),
        tensors: [perHead("bias_u"), perHead("bias_v")],
      },
      convolutionModule("ParakeetEncoderConvolutionModule", "conv", {
        width,
        kernel: config.conv_kernel_size,
        names: ["pointwise_conv1", "depthwise_conv", "pointwise_conv2"],
        bias: { pointwise: config.convolution_bias, depthwise: config.convolution_bias },
        norm: batchNorm("norm", width),
      }),
      feedForward("feed_forward2"),
      ...["feed_forward1", "self_att", "conv", "feed_forward2", "out"].map((part) =>
        norm(`norm_${part}`),
      ),
    ],
    ["feed_forward1", "self_attn", "conv", "feed_forward2"],
  );
}

/** A centred mel frame every 10 ms (`ParakeetFeatureExtractor`); nothing limits the length. */
export const fastConformerGeometry = (config: FastConformerConfig): AudioGeometry => ({
  sampleRate: SAMPLE_RATE,
  bins: config.num_mel_bins,
  masked: true,
  framing: [
    { kind: "floor", by: HOP },
    { kind: "scale", by: 1, plus: 1 },
  ],
  encoding: stridingSteps(
    config.subsampling_factor,
    config.subsampling_conv_kernel_size,
    config.subsampling_conv_stride,
  ),
});
