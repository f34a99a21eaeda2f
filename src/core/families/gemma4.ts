import type { AudioGeometry } from "../audio/geometry.ts";
import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { type RawConfig, section } from "../config/raw.ts";
import { count, dimension, flag, integer, list, or, reader } from "../config/schema.ts";
import { contextUpTo } from "../model.ts";
import { gemma4Audio } from "../towers/gemma4-audio.ts";
import { gemma4Vision } from "../towers/gemma4-vision.ts";
import { lmHead } from "../towers/lm-head.ts";
import { evenHeads } from "../towers/whisper.ts";
import { module } from "../tree/module.ts";
import { type Context, type Family, sectionOf, statedDtype } from "./family.ts";
import { isUnified } from "./gemma4-config.ts";
import { gemma4Language } from "./gemma4-text.ts";
import { type Gemma4Parts, gemma4Embedder, gemma4Images, unifiedParts } from "./gemma4-unified.ts";
import { pairOf } from "./pair.ts";

/** Gemma4Config and Gemma4UnifiedConfig (transformers 5.18). */
const read = reader(() => ({ tie_word_embeddings: or(flag(), true) }));

/** Gemma4AudioConfig. */
const readAudio = reader(() => ({
  hidden_size: or(dimension(), 1024),
  num_hidden_layers: or(count(), 12),
  num_attention_heads: or(dimension(), 8),
  subsampling_conv_channels: or(list(dimension()), [128, 32]),
  conv_kernel_size: or(integer(1, 10_000), 5),
  attention_context_left: or(integer(1, 10_000), 13),
  attention_context_right: or(integer(0, 10_000), 0),
  use_clipped_linears: or(flag(), true),
  output_proj_dims: or(dimension(), 1536),
}));

/** Gemma4VisionConfig. */
const readVision = reader(() => ({
  hidden_size: or(dimension(), 768),
  intermediate_size: or(dimension(), 3072),
  num_hidden_layers: or(count(), 16),
  num_attention_heads: or(dimension(), 12),
  num_key_value_heads: or(dimension(), 12),
  head_dim: or(dimension(), 64),
  patch_size: or(integer(1, 10_000), 16),
  pooling_kernel_size: or(integer(1, 10_000), 3),
  position_embedding_size: or(dimension(), 10_240),
  use_clipped_linears: or(flag(), false),
  standardize: or(flag(), false),
}));

/**
 * Gemma 4: a language model with a USM conformer and an image encoder in front, either of which a config may leave out;
 * or "unified", with nothing but a matrix between raw audio frames or image patches and the language model.
 * Source: transformers 5.18, `models/gemma4`, `models/gemma4_unified`.
 */
export const gemma4: Family = {
  name: "gemma4",
  modelTypes: ["gemma4", "gemma4_unified"],
  architectures: ["Gemma4ForConditionalGeneration", "Gemma4UnifiedForConditionalGeneration"],
  purpose: "chat about audio and images",
  describe(raw, context) {
    const { tie_word_embeddings: tied } = read(raw, context);
    const unified = isUnified(raw);
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    const place = { backbone: "model.language_model", head: "lm_head" };
    const language = gemma4Language(textRaw, textContext, place, unified);
    const parts = unified
      ? unifiedParts(raw, context, language.width)
      : towers(raw, context, language.width);
    const { vision, visionProjector, audio, audioProjector, geometry, images } = parts;
    const root = module(context.architecture, "", [
      module(
        unified ? "Gemma4UnifiedModel" : "Gemma4Model",
        "model",
        [vision, language.backbone, audio, visionProjector, audioProjector],
        { op: { kind: "merge", checked: true, kept: false, images: "copied" } },
      ),
      lmHead({
        copied: true,
        width: language.width,
        vocab: language.vocab,
        tiedTo: tied && "model.language_model.embed_tokens.weight",
        positions: "last",
      }),
    ]);
    return {
      type: "multimodal",
      root,
      dtype: statedDtype(raw) ?? statedDtype(textRaw),
      audio: geometry,
      ...(images && { vision: images }),
      context: contextUpTo(language.maxPositions),
    };
  },
};

function towers(raw: RawConfig, context: Context, width: number): Gemma4Parts {
  const visionRaw = section(raw, "vision_config", context.path);
  const audioRaw = section(raw, "audio_config", context.path);
  return {
    geometry: undefined,
    ...(visionRaw && withVision(visionRaw, context.inside("vision_config"), width)),
    ...(audioRaw && withAudio(audioRaw, context.inside("audio_config"), width)),
  };
}

function withVision(raw: RawConfig, context: Context, width: number) {
  const config = readVision(raw, context);
  evenHeads(
    config.num_attention_heads,
    config.num_key_value_heads,
    "vision_config.num_attention_heads",
    "vision_config.num_key_value_heads",
  );
  return {
    images: gemma4Images(config.patch_size, config.pooling_kernel_size),
    vision: gemma4Vision("vision_tower", {
      width: config.hidden_size,
      layers: config.num_hidden_layers,
      heads: config.num_attention_heads,
      kvHeads: config.num_key_value_heads,
      headDim: config.head_dim,
      inner: config.intermediate_size,
      patch: config.patch_size,
      positions: config.position_embedding_size,
      clipped: config.use_clipped_linears,
      standardized: config.standardize,
      dtype: statedDtype(raw) ?? "model",
    }),
    visionProjector: gemma4Embedder(
      "Gemma4",
      "embed_vision",
      "vision_projector",
      config.hidden_size,
      width,
    ),
  };
}

function withAudio(raw: RawConfig, context: Context, width: number) {
  const config = readAudio(raw, context);
  evenHeads(
    config.hidden_size,
    config.num_attention_heads,
    "audio_config.hidden_size",
    "audio_config.num_attention_heads",
  );
  return {
    audio: gemma4Audio("audio_tower", {
      width: config.hidden_size,
      layers: config.num_hidden_layers,
      heads: config.num_attention_heads,
      left: config.attention_context_left,
      right: config.attention_context_right,
      kernel: config.conv_kernel_size,
      channels: pairOf(config.subsampling_conv_channels, "subsampling_conv_channels", context),
      clipped: config.use_clipped_linears,
      outputs: config.output_proj_dims,
      dtype: statedDtype(raw) ?? "model",
    }),
    audioProjector: gemma4Embedder(
      "Gemma4",
      "embed_audio",
      "audio_projector",
      config.output_proj_dims,
      width,
    ),
    geometry: MEL_GEOMETRY,
  };
}

/**
 * `Gemma4Processor._compute_audio_num_tokens`: 30 s at most, half a frame of silence before the first, frames of 20 ms and
 * one sample every 10 ms, and two convolutions of stride 2.
 */
const MEL_GEOMETRY: AudioGeometry = {
  sampleRate: SAMPLE_RATE,
  bins: 128,
  framing: [
    { kind: "scale", by: 1, plus: 160 },
    { kind: "conv", kernel: 321, stride: HOP },
  ],
  encoding: [
    { kind: "conv", kernel: 3, stride: 2, padding: 1 },
    { kind: "conv", kernel: 3, stride: 2, padding: 1 },
  ],
  pooling: [{ kind: "at-most", value: 750 }],
  window: { samples: 480_000, padded: false, tokensFromPadding: false, longer: "truncated" },
};
