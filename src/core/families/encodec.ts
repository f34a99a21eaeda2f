import { codecGeometry } from "../audio/codec-geometry.ts";
import { within } from "../config/raw.ts";
import {
  count,
  decimal,
  dimension,
  flag,
  integer,
  list,
  MAX_COUNT,
  maybe,
  or,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { averagedCodebooks } from "../layers/codebook.ts";
import { boundedStages, seanetDecoder, seanetEncoder, seanetEntry } from "../towers/seanet.ts";
import { module } from "../tree/module.ts";
import { type CodecReader, codecFamily, powerOfTwo } from "./codec.ts";

/** EncodecConfig (transformers 5.18). */
const read = reader(() => ({
  target_bandwidths: or(list(decimal()), [1.5, 3, 6, 12, 24]),
  sampling_rate: or(positions(), 24_000),
  audio_channels: or(dimension(), 1),
  chunk_length_s: maybe(decimal()),
  hidden_size: or(dimension(), 128),
  num_filters: or(dimension(), 32),
  num_residual_layers: or(count(0), 1),
  upsampling_ratios: or(list(integer(1, 1_000_000)), [8, 5, 4, 2]),
  norm_type: or(text(), "weight_norm"),
  kernel_size: or(dimension(), 7),
  last_kernel_size: or(dimension(), 7),
  residual_kernel_size: or(dimension(), 3),
  compress: or(dimension(), 2),
  num_lstm_layers: or(integer(1, 1000), 2),
  codebook_size: or(dimension(), 1024),
  codebook_dim: maybe(dimension()),
  use_conv_shortcut: or(flag(), true),
}));

/** EnCodec (Défossez et al. 2022). Source: `models/encodec/modeling_encodec.py`. */
export const readEncodec: CodecReader = (raw, context) => {
  const config = read(raw, context);
  const field = (name: string) => within(context.path, name);
  const norm = config.norm_type;
  if (norm !== "weight_norm" && norm !== "time_group_norm") {
    throw new InputError(
      "out-of-range",
      `${field("norm_type")} is ${shown(norm)}, but must be weight_norm or time_group_norm: correct it in the config.`,
      field("norm_type"),
    );
  }
  const ratios = config.upsampling_ratios;
  boundedStages(config.num_filters, ratios.length, field("upsampling_ratios"));
  powerOfTwo(config.codebook_size, field("codebook_size"));
  const sizes = {
    classes: "Encodec",
    channels: config.audio_channels,
    filters: config.num_filters,
    hidden: config.hidden_size,
    ratios,
    residualLayers: config.num_residual_layers,
    kernel: config.kernel_size,
    lastKernel: config.last_kernel_size,
    residualKernel: config.residual_kernel_size,
    compress: config.compress,
    lstmLayers: config.num_lstm_layers,
    convShortcut: config.use_conv_shortcut,
    norm,
  } as const;
  const chunk = config.chunk_length_s;
  return {
    class: "EncodecModel",
    children: [
      {
        ...seanetEncoder(sizes),
        op: { kind: "tower", side: "encoder", width: sizes.hidden, entry: seanetEntry(sizes) },
      },
      seanetDecoder(sizes),
      module("EncodecResidualVectorQuantizer", "quantizer", [
        averagedCodebooks(quantizers(config, field("target_bandwidths")), {
          classes: "Encodec",
          size: config.codebook_size,
          dim: config.codebook_dim ?? config.hidden_size,
          names: { flag: "inited", counts: "cluster_size", tables: ["embed", "embed_avg"] },
        }),
      ]),
    ],
    geometry: codecGeometry({
      sampleRate: config.sampling_rate,
      channels: config.audio_channels,
      strides: [...ratios].reverse(),
      // Chunks overlap a little (`overlap`); one is encoded after the other.
      ...(chunk !== undefined &&
        chunk > 0 && {
          window: {
            samples: Math.max(1, Math.floor(chunk * config.sampling_rate)),
            padded: true,
            tokensFromPadding: true,
            longer: "sequential",
          },
        }),
    }),
    codebookSize: config.codebook_size,
  };
};

/** As many codebooks as the highest bandwidth (kbit/s) has room for. */
function quantizers(config: ReturnType<typeof read>, field: string): number {
  const hop = config.upsampling_ratios.reduce((product, ratio) => product * ratio, 1);
  const frameRate = Math.ceil(config.sampling_rate / hop);
  const bits = Math.ceil(Math.log2(config.codebook_size));
  const bandwidth = config.target_bandwidths.at(-1) ?? 0;
  const room = Math.floor((1000 * bandwidth) / (frameRate * bits));
  if (room >= 0 && room <= MAX_COUNT) return room;
  throw new InputError(
    "out-of-range",
    `${field} ends with ${bandwidth} kbit/s, room for ${room} codebooks: correct it in the config.`,
    field,
  );
}

export const encodec = codecFamily({
  name: "encodec",
  modelTypes: ["encodec"],
  architectures: ["EncodecModel"],
  read: readEncodec,
});
