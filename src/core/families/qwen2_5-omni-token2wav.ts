import { type RawConfig, within } from "../config/raw.ts";
import { anything, count, dimension, integer, list, or, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { bigVgan, speechDit } from "../towers/qwen-token2wav.ts";
import { keptIn } from "../tree/keep.ts";
import { type Module, module, part } from "../tree/module.ts";
import { grouped } from "../units.ts";
import { type Context, sectionOf } from "./family.ts";

/** Qwen2_5OmniDiTConfig (transformers 5.18). */
const readDit = reader(() => ({
  hidden_size: or(dimension(), 1024),
  num_hidden_layers: or(count(), 22),
  num_attention_heads: or(dimension(), 16),
  ff_mult: or(integer(1, 1024), 2),
  emb_dim: or(dimension(), 512),
  head_dim: or(dimension(), 64),
  num_embeds: or(dimension(), 8193),
  mel_dim: or(dimension(), 80),
  enc_emb_dim: or(dimension(), 192),
  enc_dim: or(dimension(), 128),
  enc_channels: or(list(dimension()), [256, 256, 256, 256, 768]),
  enc_kernel_sizes: or(list(integer(1, 4096)), [5, 3, 3, 3, 1]),
  enc_attention_channels: or(dimension(), 64),
  enc_res2net_scale: or(integer(2, 1024), 2),
  enc_se_channels: or(dimension(), 64),
}));

/** Qwen2_5OmniBigVGANConfig. Dilations change nothing but how many residual blocks there are. */
const readVocoder = reader(() => ({
  mel_dim: or(dimension(), 80),
  upsample_initial_channel: or(dimension(), 1536),
  resblock_kernel_sizes: or(list(integer(1, 4096)), [3, 7, 11]),
  resblock_dilation_sizes: or(list(anything()), [1, 1, 1]),
  upsample_rates: or(list(integer(1, 4096)), [5, 3, 2, 2, 2, 2]),
  upsample_kernel_sizes: or(list(integer(1, 4096)), [11, 7, 4, 4, 4, 4]),
}));

/** The published speaker encoder has 5 stages, the vocoder 18 residual blocks. */
const MAX_STAGES = 1000;
const MAX_BLOCKS = 10_000;

/** Speech codes to a waveform, in fp32 whatever the rest of the model is loaded in (`token2wav.float()`). */
export function token2wav(raw: RawConfig, context: Context): Module {
  const [ditRaw, ditContext] = sectionOf(raw, "dit_config", context);
  const [vocoderRaw, vocoderContext] = sectionOf(raw, "bigvgan_config", context);
  const dit = readDit(ditRaw, ditContext);
  const vocoder = readVocoder(vocoderRaw, vocoderContext);
  const { enc_channels: channels, enc_kernel_sizes: kernels } = dit;
  if (channels.length < 2 || channels.length > MAX_STAGES || channels.length !== kernels.length) {
    const field = within(ditContext.path, "enc_kernel_sizes");
    throw new InputError(
      "inconsistent",
      `${field} has ${kernels.length} entries and enc_channels ${channels.length}, but both must have as many, from 2 to ${grouped(MAX_STAGES)}: correct one of them in the config.`,
      field,
    );
  }
  if (vocoder.upsample_rates.length * vocoder.resblock_kernel_sizes.length > MAX_BLOCKS) {
    const field = within(vocoderContext.path, "resblock_kernel_sizes");
    throw new InputError(
      "out-of-range",
      `${field} and upsample_rates have ${vocoder.resblock_kernel_sizes.length} and ${vocoder.upsample_rates.length} entries, which make more than ${grouped(MAX_BLOCKS)} residual blocks: correct one of them in the config.`,
      field,
    );
  }
  const ups = Math.min(vocoder.upsample_rates.length, vocoder.upsample_kernel_sizes.length);
  const whole = module("Qwen2_5OmniToken2WavModel", "token2wav", [
    speechDit("code2wav_dit_model", {
      width: dit.hidden_size,
      layers: dit.num_hidden_layers,
      heads: dit.num_attention_heads,
      headDim: dit.head_dim,
      inner: dit.hidden_size * dit.ff_mult,
      codes: dit.num_embeds,
      codeWidth: dit.emb_dim,
      mel: dit.mel_dim,
      speakerIn: dit.enc_emb_dim,
      speakerOut: dit.enc_dim,
      speaker: {
        channels,
        kernels,
        attention: dit.enc_attention_channels,
        squeezed: dit.enc_se_channels,
        scale: dit.enc_res2net_scale,
      },
    }),
    bigVgan("code2wav_bigvgan_model", {
      mel: vocoder.mel_dim,
      width: vocoder.upsample_initial_channel,
      upKernels: vocoder.upsample_kernel_sizes.slice(0, ups),
      blockKernels: vocoder.resblock_kernel_sizes.slice(0, vocoder.resblock_dilation_sizes.length),
    }),
  ]);
  return part("code2wav", keptIn("fp32", whole));
}
