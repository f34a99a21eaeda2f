import type { AudioGeometry } from "../audio/geometry.ts";
import { HOP, SAMPLE_RATE, WHISPER_CONVOLUTIONS } from "../audio/whisper-geometry.ts";
import { type RawConfig, within } from "../config/raw.ts";
import { count, dimension, flag, integer, or, positions, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { contextUpTo } from "../model.ts";
import { languageHead } from "../towers/causal-lm.ts";
import { qwen25Audio } from "../towers/qwen-audio-2_5.ts";
import { evenHeads } from "../towers/whisper.ts";
import { type Module, module, part } from "../tree/module.ts";
import { joined } from "../tree/walk.ts";
import { type Context, type Described, type Family, sectionOf, statedDtype } from "./family.ts";
import { PIXELS_OF_QWEN2_VL, qwenImages } from "./qwen-images.ts";
import { qwen25OmniVision } from "./qwen-vision-config.ts";
import { token2wav } from "./qwen2_5-omni-token2wav.ts";
import { qwen25OmniTalker, qwen25OmniText } from "./qwen2-text.ts";

/** Qwen2_5OmniAudioEncoderConfig (transformers 5.18). */
const readAudio = reader(() => ({
  num_mel_bins: or(dimension(), 128),
  encoder_layers: or(count(), 32),
  encoder_attention_heads: or(dimension(), 20),
  encoder_ffn_dim: or(dimension(), 5120),
  d_model: or(dimension(), 1280),
  max_source_positions: or(positions(), 1500),
  n_window: or(integer(1, 1_000_000), 100),
  output_dim: or(dimension(), 3584),
}));

const readThinker = reader(() => ({ tie_word_embeddings: or(flag(), false) }));
const read = reader(() => ({ enable_audio_output: or(flag(), true) }));

/** The processor pads to and cuts at the feature extractor's 300 s, of which only the frames with audio are encoded. */
const EXTRACTOR_SECONDS = 300;

function geometry(bins: number): AudioGeometry {
  return {
    sampleRate: SAMPLE_RATE,
    bins,
    framing: [{ kind: "ceil", by: HOP }],
    encoding: WHISPER_CONVOLUTIONS,
    pooling: [{ kind: "conv", kernel: 2, stride: 2 }],
    window: {
      samples: EXTRACTOR_SECONDS * SAMPLE_RATE,
      padded: false,
      tokensFromPadding: false,
      longer: "truncated",
    },
  };
}

/** Audio and image towers and the language model: what hears, sees and writes. */
function thinker(raw: RawConfig, context: Context, path: string): Described & { root: Module } {
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
  const text = qwen25OmniText(textRaw, textContext, place);
  const root = module(
    "Qwen2_5OmniThinkerForConditionalGeneration",
    path,
    [
      qwen25Audio("audio_tower", {
        bins: audio.num_mel_bins,
        width: audio.d_model,
        layers: audio.encoder_layers,
        heads: audio.encoder_attention_heads,
        inner: audio.encoder_ffn_dim,
        positions: audio.max_source_positions,
        window: audio.n_window,
        out: audio.output_dim,
      }),
      qwen25OmniVision(visionRaw, visionContext),
      text.backbone,
      languageHead({ ...text, tied: config.tie_word_embeddings }, place, "all"),
    ],
    { op: { kind: "merge", checked: false, kept: true, images: "copied", embedsStay: true } },
  );
  return {
    type: "audio-llm",
    root,
    dtype: statedDtype(raw) ?? text.dtype,
    audio: geometry(audio.num_mel_bins),
    vision: qwenImages(visionRaw, visionContext, 14, PIXELS_OF_QWEN2_VL),
    context: contextUpTo(text.maxPositions),
  };
}

/** Speaks: a smaller language model over speech codes, fed with the thinker's hidden states. */
function talker(raw: RawConfig, context: Context): Module {
  const place = { backbone: "talker.model", head: "talker.codec_head" };
  const inner = qwen25OmniTalker(raw, context, place);
  const embedded = inner.embeddingWidth;
  return part(
    "talker",
    module("Qwen2_5OmniTalkerForConditionalGeneration", "talker", [
      linear("thinker_to_talker_proj", embedded, inner.width),
      inner.backbone,
      languageHead({ ...inner, tied: false }, place),
    ]),
  );
}

/**
 * Qwen2.5-Omni (Xu et al. 2025): thinker, talker, and a diffusion model with a vocoder that stays in fp32.
 * Source: `models/qwen2_5_omni/modeling_qwen2_5_omni.py`.
 */
export const qwen25Omni: Family = {
  name: "qwen2_5_omni",
  modelTypes: ["qwen2_5_omni"],
  architectures: ["Qwen2_5OmniForConditionalGeneration", "Qwen2_5OmniModel"],
  purpose: "chat about audio, images and video, in text and speech",
  describe(raw, context) {
    const config = read(raw, context);
    const [thinkerRaw, thinkerContext] = sectionOf(raw, "thinker_config", context);
    const thinking = thinker(thinkerRaw, thinkerContext, "thinker");
    const speaking: readonly Module[] = config.enable_audio_output
      ? [
          talker(...sectionOf(raw, "talker_config", context)),
          token2wav(...sectionOf(raw, "token2wav_config", context)),
        ]
      : [];
    return {
      ...thinking,
      dtype: statedDtype(raw) ?? thinking.dtype,
      root: module("Qwen2_5OmniForConditionalGeneration", "", [thinking.root, ...speaking]),
    };
  },
};

/** The thinker alone, as text-only deployments keep it. */
export const qwen25OmniThinker: Family = {
  name: "qwen2_5_omni_thinker",
  modelTypes: ["qwen2_5_omni_thinker"],
  architectures: ["Qwen2_5OmniThinkerForConditionalGeneration"],
  purpose: "chat about audio, images and video, in text",
  describe: (raw, context) => thinker(raw, context, ""),
};
