import type { RawConfig } from "../config/raw.ts";
import { count, dimension, flag, integer, or, reader } from "../config/schema.ts";
import { type Context, sectionOf } from "./family.ts";

/** Phi4MultimodalAudioConfig. */
export const readAudio = reader(() => ({
  hidden_size: or(dimension(), 1024),
  intermediate_size: or(dimension(), 1536),
  num_blocks: or(count(), 24),
  num_attention_heads: or(dimension(), 16),
  ext_pw_out_channel: or(dimension(), 1024),
  depthwise_separable_out_channel: or(dimension(), 1024),
  depthwise_multiplier: or(integer(1, 1000), 1),
  kernel_size: or(integer(1, 10_000), 3),
  input_size: or(dimension(), 80),
  time_reduction: or(integer(2, 1024), 8),
  bias_max_distance: or(integer(1, 2 ** 20), 1000),
  bias_symmetric: or(flag(), false),
  nemo_conv_channels: or(dimension(), 1024),
  downsample_rate: or(integer(1, 1024), 1),
}));
export type AudioConfig = ReturnType<typeof readAudio>;

/** The speech encoder's section in the remote code's config: `audio_processor.config`, under NeMo's names. */
const readCascades = reader(() => ({
  attention_dim: or(dimension(), 256),
  attention_heads: or(dimension(), 4),
  linear_units: or(dimension(), 2048),
  num_blocks: or(count(), 6),
  input_size: dimension(),
  kernel_size: or(integer(1, 10_000), 3),
  ext_pw_out_channel: or(dimension(), 1),
  depthwise_multiplier: or(integer(1, 1000), 1),
  depthwise_seperable_out_channel: or(dimension(), 256),
  time_reduction: or(integer(2, 1024), 4),
}));
const readEmbedding = reader(() => ({ downsample_rate: or(integer(1, 1024), 1) }));
const readNemo = reader(() => ({ conv_channels: dimension() }));
const readBias = reader(() => ({
  t5_bias_max_distance: or(integer(1, 2 ** 20), 1000),
  t5_bias_symmetric: or(flag(), false),
}));
const readLora = reader(() => ({ r: integer(1, 2 ** 16) }));

/** The same in the remote code's config. */
export function remoteAudio(raw: RawConfig, context: Context): AudioConfig {
  const [processor, inProcessor] = sectionOf(raw, "audio_processor", context);
  const [inner, inInner] = sectionOf(processor, "config", inProcessor);
  const [layers, inLayers] = sectionOf(raw, "embd_layer", context);
  const embedding = readEmbedding(...sectionOf(layers, "audio_embd_layer", inLayers));
  const config = readCascades(inner, inInner);
  const nemo = readNemo(...sectionOf(inner, "nemo_conv_settings", inInner));
  const bias = readBias(...sectionOf(inner, "relative_attention_bias_args", inInner));
  return {
    hidden_size: config.attention_dim,
    intermediate_size: config.linear_units,
    num_blocks: config.num_blocks,
    num_attention_heads: config.attention_heads,
    ext_pw_out_channel: config.ext_pw_out_channel,
    depthwise_separable_out_channel: config.depthwise_seperable_out_channel,
    depthwise_multiplier: config.depthwise_multiplier,
    kernel_size: config.kernel_size,
    input_size: config.input_size,
    time_reduction: config.time_reduction,
    bias_max_distance: bias.t5_bias_max_distance,
    bias_symmetric: bias.t5_bias_symmetric,
    nemo_conv_channels: nemo.conv_channels,
    downsample_rate: embedding.downsample_rate,
  };
}

/** Rank of the adapter that one modality switches on. */
export const lora = (raw: RawConfig, which: "speech" | "vision", context: Context): number =>
  readLora(...sectionOf(raw, `${which}_lora`, context)).r;
