import type { AudioGeometry } from "../audio/geometry.ts";
import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { type RawConfig, within } from "../config/raw.ts";
import { count, dimension, flag, integer, or, positions, reader } from "../config/schema.ts";
import { contextUpTo } from "../model.ts";
import { languageHead } from "../towers/causal-lm.ts";
import { qwenAudioEncoder } from "../towers/qwen-audio.ts";
import { evenHeads } from "../towers/whisper.ts";
import { module } from "../tree/module.ts";
import { joined } from "../tree/walk.ts";
import { type Context, type Described, type Family, sectionOf, statedDtype } from "./family.ts";
import { PIXELS_OF_QWEN3_OMNI, qwenImages } from "./qwen-images.ts";
import { qwen3OmniVision } from "./qwen-vision-config.ts";
import { talkerAndVoice } from "./qwen3-omni-talker.ts";
import { qwen3OmniText } from "./qwen3-text.ts";

/** Qwen3OmniMoeAudioEncoderConfig (transformers 5.18). */
const readAudio = reader(() => ({
  num_mel_bins: or(dimension(), 128),
  encoder_layers: or(count(), 32),
  encoder_attention_heads: or(dimension(), 20),
  encoder_ffn_dim: or(dimension(), 5120),
  d_model: or(dimension(), 1280),
  max_source_positions: or(positions(), 1500),
  n_window: or(integer(1, 1_000_000), 50),
  n_window_infer: or(integer(1, 10_000_000), 800),
  downsample_hidden_size: or(dimension(), 480),
  output_dim: or(dimension(), 3584),
}));

const readThinker = reader(() => ({ tie_word_embeddings: or(flag(), false) }));
const read = reader(() => ({ enable_audio_output: or(flag(), true) }));

const HALVING = { kind: "conv", kernel: 3, stride: 2, padding: 1 } as const;

/** Blocks of `2 × window` mel frames, each halved three times; a recording has no limit. */
const geometry = (bins: number, window: number): AudioGeometry => ({
  sampleRate: SAMPLE_RATE,
  bins,
  framing: [{ kind: "floor", by: HOP }],
  encoding: [{ kind: "blocks", size: 2 * window, steps: [HALVING, HALVING, HALVING] }],
  pooling: [],
});

function thinker(raw: RawConfig, context: Context, path: string): Described {
  const config = readThinker(raw, context);
  const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
  const [visionRaw, visionContext] = sectionOf(raw, "vision_config", context);
  const [textRaw, textContext] = sectionOf(raw, "text_config", context);
  const audio = readAudio(audioRaw, audioContext);
  evenHeads(
    audio.d_model,
    audio.encoder_attention_heads,
    within(audioContext.path, "d_model"),
    within(audioContext.path, "encoder_attention_heads"),
  );
  const place = { backbone: joined(path, "model"), head: joined(path, "lm_head") };
  const text = qwen3OmniText(textRaw, textContext, place);
  const block = 2 * audio.n_window;
  const blockPositions = Math.ceil(Math.ceil(Math.ceil(block / 2) / 2) / 2);
  return {
    type: "audio-llm",
    root: module(
      "Qwen3OmniMoeThinkerForConditionalGeneration",
      path,
      [
        qwenAudioEncoder(
          {
            bins: audio.num_mel_bins,
            width: audio.d_model,
            layers: audio.encoder_layers,
            heads: audio.encoder_attention_heads,
            inner: audio.encoder_ffn_dim,
            positions: audio.max_source_positions,
            channels: audio.downsample_hidden_size,
            chunk: block,
            block: blockPositions * Math.max(1, Math.floor(audio.n_window_infer / block)),
            outputs: audio.output_dim,
          },
          {
            name: "audio_tower",
            class: "Qwen3OmniMoeAudioEncoder",
            classes: "Qwen3OmniMoeAudio",
            component: "audio_encoder",
          },
        ),
        qwen3OmniVision(visionRaw, visionContext),
        text.backbone,
        languageHead({ ...text, tied: config.tie_word_embeddings }, place, "all"),
      ],
      { op: { kind: "merge", checked: false, kept: true, images: "copied", embedsStay: true } },
    ),
    dtype: statedDtype(raw) ?? text.dtype,
    audio: geometry(audio.num_mel_bins, audio.n_window),
    vision: qwenImages(visionRaw, visionContext, 16, PIXELS_OF_QWEN3_OMNI),
    context: contextUpTo(text.maxPositions),
  };
}

/**
 * Qwen3-Omni (Xu et al. 2025): a thinker with experts, which hears, sees and writes; a talker with experts; a decoder
 * from codes to sound. Source: `models/qwen3_omni_moe/modeling_qwen3_omni_moe.py`.
 */
export const qwen3Omni: Family = {
  name: "qwen3_omni_moe",
  modelTypes: ["qwen3_omni_moe"],
  architectures: ["Qwen3OmniMoeForConditionalGeneration"],
  purpose: "chat about audio, images and video, in text and speech",
  describe(raw, context) {
    const config = read(raw, context);
    const [thinkerRaw, thinkerContext] = sectionOf(raw, "thinker_config", context);
    const thinking = thinker(thinkerRaw, thinkerContext, "thinker");
    return {
      ...thinking,
      dtype: statedDtype(raw) ?? thinking.dtype,
      root: module("Qwen3OmniMoeForConditionalGeneration", "", [
        thinking.root,
        ...(config.enable_audio_output ? talkerAndVoice(raw, context) : []),
      ]),
    };
  },
};

/** The thinker alone, as text-only deployments keep it. */
export const qwen3OmniThinker: Family = {
  name: "qwen3_omni_moe_thinker",
  modelTypes: ["qwen3_omni_moe_thinker"],
  architectures: ["Qwen3OmniMoeThinkerForConditionalGeneration"],
  purpose: "chat about audio, images and video, in text",
  describe: (raw, context) => thinker(raw, context, ""),
};
