import { codecGeometry } from "../audio/codec-geometry.ts";
import { within } from "../config/raw.ts";
import {
  count,
  decimal,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  positions,
  reader,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { averagedCodebooks } from "../layers/codebook.ts";
import { conv1d } from "../layers/conv.ts";
import { codecTransformer } from "../towers/codec-transformer.ts";
import {
  boundedStages,
  seanetConv,
  seanetConvTranspose,
  seanetDecoder,
  seanetEncoder,
  seanetEntry,
} from "../towers/seanet.ts";
import { evenHeads } from "../towers/whisper.ts";
import { type Module, module } from "../tree/module.ts";
import { type CodecReader, codecFamily, powerOfTwo } from "./codec.ts";

/** MimiConfig (transformers 5.18). */
const read = reader(() => ({
  sampling_rate: or(positions(), 24_000),
  audio_channels: or(dimension(), 1),
  hidden_size: or(dimension(), 512),
  num_filters: or(dimension(), 64),
  num_residual_layers: or(count(0), 1),
  upsampling_ratios: or(list(integer(1, 1_000_000)), []),
  kernel_size: or(dimension(), 7),
  last_kernel_size: or(dimension(), 3),
  residual_kernel_size: or(dimension(), 3),
  compress: or(dimension(), 2),
  codebook_size: or(dimension(), 2048),
  codebook_dim: or(dimension(), 256),
  num_quantizers: or(count(), 32),
  use_conv_shortcut: or(flag(), false),
  vector_quantization_hidden_dimension: or(dimension(), 256),
  num_semantic_quantizers: or(count(0), 1),
  upsample_groups: or(dimension(), 512),
  num_hidden_layers: or(count(), 8),
  intermediate_size: or(dimension(), 2048),
  num_attention_heads: or(dimension(), 8),
  num_key_value_heads: or(dimension(), 8),
  head_dim: maybe(dimension()),
  sliding_window: or(positions(), 250),
  attention_bias: or(flag(), false),
  frame_rate: maybe(decimal()),
}));
const RATIOS = [8, 6, 5, 4];

/** The last convolution halves the frame rate once more. */
const THINNING = 2;

/**
 * Mimi (Défossez et al. 2024): SEANet and a causal transformer on either side of a quantiser whose first codebooks are
 * semantic and the rest acoustic. Source: `models/mimi/modeling_mimi.py`.
 */
export const readMimi: CodecReader = (raw, context, { streaming }) => {
  const config = read(raw, context);
  const field = (name: string) => within(context.path, name);
  const { hidden_size: width, num_attention_heads: heads, num_key_value_heads: kvHeads } = config;
  evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
  evenHeads(heads, kvHeads, field("num_attention_heads"), field("num_key_value_heads"));
  powerOfTwo(config.codebook_size, field("codebook_size"));
  if (config.num_semantic_quantizers >= config.num_quantizers) {
    throw new InputError(
      "inconsistent",
      `${field("num_semantic_quantizers")} is ${config.num_semantic_quantizers}, but must be lower than num_quantizers ${config.num_quantizers}: correct one of them in the config.`,
      field("num_semantic_quantizers"),
    );
  }
  const ratios = config.upsampling_ratios.length > 0 ? config.upsampling_ratios : RATIOS;
  boundedStages(config.num_filters, ratios.length, field("upsampling_ratios"));
  const sizes = {
    classes: "Mimi",
    channels: config.audio_channels,
    filters: config.num_filters,
    hidden: width,
    ratios,
    residualLayers: config.num_residual_layers,
    kernel: config.kernel_size,
    lastKernel: config.last_kernel_size,
    residualKernel: config.residual_kernel_size,
    compress: config.compress,
    lstmLayers: 0,
    convShortcut: config.use_conv_shortcut,
    norm: "none",
  } as const;
  const transformer = (name: string, use: Parameters<typeof codecTransformer>[2]) =>
    codecTransformer(
      name,
      {
        width,
        inner: config.intermediate_size,
        layers: config.num_hidden_layers,
        heads,
        kvHeads,
        headDim: config.head_dim ?? width / heads,
        window: config.sliding_window,
        bias: config.attention_bias,
      },
      use,
    );
  const hop = ratios.reduce((product, ratio) => product * ratio, 1);
  const before = Math.ceil(config.sampling_rate / hop);
  const after = config.frame_rate ?? config.sampling_rate / (hop * THINNING);
  const thins = before !== after;
  if (thins)
    evenHeads(width, config.upsample_groups, field("hidden_size"), field("upsample_groups"));
  const kernel = 2 * Math.floor(before / after);
  if (!(after > 0) || kernel === 0) {
    throw new InputError(
      "inconsistent",
      `${field("frame_rate")} is ${after}, but must be above 0 and no more than the ${before} frames a second that the convolutions leave: correct it in the config.`,
      field("frame_rate"),
    );
  }
  const quantiser = (name: string, count: number): Module => {
    const inner = config.vector_quantization_hidden_dimension;
    return module("MimiResidualVectorQuantizer", name, [
      averagedCodebooks(count, {
        classes: "Mimi",
        size: config.codebook_size,
        dim: config.codebook_dim,
        names: { flag: "initialized", counts: "cluster_usage", tables: ["embed_sum"] },
        fp32Flag: true,
      }),
      ...(inner === width
        ? []
        : [
            conv1d("input_proj", width, inner, 1, { bias: false }),
            conv1d("output_proj", inner, width, 1, { bias: false }),
          ]),
    ]);
  };
  return {
    class: "MimiModel",
    children: [
      seanetEncoder(sizes),
      transformer("encoder_transformer", {
        entry: seanetEntry(sizes),
        perToken: streaming ? (thins ? THINNING : 1) : undefined,
      }),
      ...(thins
        ? [
            seanetConv(sizes, "downsample", width, width, kernel, { bias: false }),
            seanetConvTranspose(sizes, "upsample", width, width, kernel, {
              bias: false,
              groups: config.upsample_groups,
            }),
          ]
        : []),
      transformer("decoder_transformer", {}),
      seanetDecoder(sizes),
      module("MimiSplitResidualVectorQuantizer", "quantizer", [
        quantiser("semantic_residual_vector_quantizer", config.num_semantic_quantizers),
        quantiser(
          "acoustic_residual_vector_quantizer",
          config.num_quantizers - config.num_semantic_quantizers,
        ),
      ]),
    ],
    geometry: codecGeometry({
      sampleRate: config.sampling_rate,
      channels: config.audio_channels,
      strides: [...ratios].reverse(),
    }),
    ...(thins && { thinning: [{ kind: "ceil", by: THINNING }] }),
    codebookSize: config.codebook_size,
  };
};

export const mimi = codecFamily({
  name: "mimi",
  modelTypes: ["mimi"],
  architectures: ["MimiModel"],
  read: readMimi,
});
