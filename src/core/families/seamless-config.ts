import { own, type RawConfig, within } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  list,
  or,
  orNull,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { oddKernel } from "../towers/conformer.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Context } from "./family.ts";

/** SeamlessM4TConfig and SeamlessM4Tv2Config (transformers 5.18); `second` tells their defaults apart. */
const fields = (second: boolean) => ({
  vocab_size: or(dimension(), 256102),
  t2u_vocab_size: or(dimension(), 10082),
  hidden_size: or(dimension(), 1024),
  max_position_embeddings: or(positions(), second ? 4096 : 1024),
  encoder_layers: or(count(), 24),
  encoder_ffn_dim: or(dimension(), 8192),
  encoder_attention_heads: or(dimension(), 16),
  decoder_layers: or(count(), 24),
  decoder_ffn_dim: or(dimension(), 8192),
  decoder_attention_heads: or(dimension(), 16),
  speech_encoder_layers: or(count(), 24),
  speech_encoder_attention_heads: or(dimension(), 16),
  speech_encoder_intermediate_size: or(dimension(), 4096),
  add_adapter: or(flag(), true),
  feature_projection_input_dim: or(dimension(), 160),
  adaptor_kernel_size: or(integer(1, 10_000), 8),
  adaptor_stride: or(integer(1, 10_000), 8),
  num_adapter_layers: or(count(0), 1),
  position_embeddings_type: or(orNull(text()), second ? "relative_key" : "relative"),
  max_source_positions: or(positions(), 4096),
  conv_depthwise_kernel_size: or(integer(1, 10_000), 31),
  left_max_position_embeddings: or(integer(0, 2 ** 20), 64),
  right_max_position_embeddings: or(integer(0, 2 ** 20), 8),
  char_vocab_size: or(dimension(), 10943),
  t2u_encoder_layers: or(count(), 6),
  t2u_encoder_ffn_dim: or(dimension(), 8192),
  t2u_encoder_attention_heads: or(dimension(), 16),
  t2u_decoder_layers: or(count(), 6),
  t2u_decoder_ffn_dim: or(dimension(), 8192),
  t2u_decoder_attention_heads: or(dimension(), 16),
  t2u_max_position_embeddings: or(positions(), second ? 4096 : 2048),
  t2u_variance_predictor_embed_dim: or(dimension(), 1024),
  t2u_variance_predictor_hidden_dim: or(dimension(), 256),
  t2u_variance_predictor_kernel_size: or(integer(1, 10_000), 3),
  upsample_initial_channel: or(dimension(), 512),
  upsample_rates: or(list(integer(1, 10_000)), [5, 4, 4, 2, 2]),
  upsample_kernel_sizes: or(list(integer(1, 10_000)), [11, 8, 8, 4, 4]),
  resblock_kernel_sizes: or(list(integer(1, 10_000)), [3, 7, 11]),
  resblock_dilation_sizes: or(list(list(integer(1, 10_000))), [
    [1, 3, 5],
    [1, 3, 5],
    [1, 3, 5],
  ]),
  unit_hifi_gan_vocab_size: or(dimension(), 10_000),
  unit_embed_dim: or(dimension(), 1280),
  lang_embed_dim: or(dimension(), 256),
  spkr_embed_dim: or(dimension(), 256),
  vocoder_num_langs: or(dimension(), 36),
  vocoder_num_spkrs: or(dimension(), 200),
  variance_predictor_kernel_size: or(integer(1, 10_000), 3),
  tie_word_embeddings: or(flag(), true),
});
const readFirst = reader(() => fields(false));
const readSecond = reader(() => fields(true));

export interface SeamlessConfig extends ReturnType<typeof readSecond> {
  readonly second: boolean;
  /** Prefix of the class names. */
  readonly classes: "SeamlessM4T" | "SeamlessM4Tv2";
}

export function readSeamless(raw: RawConfig, context: Context): SeamlessConfig {
  const second =
    own(raw, "model_type") === "seamless_m4t_v2" ||
    context.architecture.startsWith("SeamlessM4Tv2");
  const config = second ? readSecond(raw, context) : readFirst(raw, context);
  const field = (name: string) => within(context.path, name);
  for (const heads of [
    "encoder_attention_heads",
    "decoder_attention_heads",
    "speech_encoder_attention_heads",
    "t2u_encoder_attention_heads",
    "t2u_decoder_attention_heads",
  ] as const) {
    evenHeads(config.hidden_size, config[heads], field("hidden_size"), field(heads));
  }
  oddKernel(config.conv_depthwise_kernel_size, field("conv_depthwise_kernel_size"));
  if (config.upsample_initial_channel < 2 ** config.upsample_rates.length) {
    const path = field("upsample_rates");
    throw new InputError(
      "inconsistent",
      `${path} has ${config.upsample_rates.length} entries, each of which halves upsample_initial_channel ${config.upsample_initial_channel}: correct one of them in the config.`,
      path,
    );
  }
  return { ...config, second, classes: second ? "SeamlessM4Tv2" : "SeamlessM4T" };
}
