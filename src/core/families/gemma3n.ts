import type { AudioGeometry } from "../audio/geometry.ts";
import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { count, dimension, flag, integer, list, or, reader, text } from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rmsNormFp32 } from "../layers/norm.ts";
import { contextUpTo } from "../model.ts";
import { lmHead } from "../towers/lm-head.ts";
import { mobileNetV5 } from "../towers/mobilenet-v5.ts";
import { gemma3nAudio } from "../towers/usm-conformer.ts";
import { evenHeads } from "../towers/whisper.ts";
import { type Component, type Module, module } from "../tree/module.ts";
import { type Family, sectionOf, statedDtype } from "./family.ts";
import { gemma3nText } from "./gemma3n-text.ts";
import { pairOf } from "./pair.ts";

/** Gemma3nConfig (transformers 5.18). */
const read = reader(() => ({
  audio_soft_tokens_per_image: or(integer(0, 2 ** 20), 188),
  vision_soft_tokens_per_image: or(integer(1, 2 ** 20), 256),
  tie_word_embeddings: or(flag(), true),
}));

/** Gemma3nAudioConfig. */
const readAudio = reader(() => ({
  vocab_size: or(dimension(), 128),
  input_feat_size: or(dimension(), 128),
  hidden_size: or(dimension(), 1536),
  conf_attention_chunk_size: or(integer(1, 10_000), 12),
  conf_attention_context_left: or(integer(0, 10_000), 13),
  conf_attention_context_right: or(integer(0, 10_000), 0),
  conf_num_attention_heads: or(dimension(), 8),
  conf_num_hidden_layers: or(count(), 12),
  conf_conv_kernel_size: or(integer(1, 10_000), 5),
  sscp_conv_channel_size: or(list(dimension()), [128, 32]),
  sscp_conv_kernel_size: or(list(list(integer(1, 1000))), [
    [3, 3],
    [3, 3],
  ]),
  sscp_conv_stride_size: or(list(list(integer(1, 1000))), [
    [2, 2],
    [2, 2],
  ]),
}));

/** Gemma3nVisionConfig. */
const readVision = reader(() => ({
  architecture: or(text(), "mobilenetv5_300m_enc"),
  hidden_size: or(dimension(), 2048),
  vocab_size: or(dimension(), 128),
}));

/**
 * Gemma 3n: a USM conformer and a MobileNetV5 in front of a language model, each with a table and a matrix to its width.
 * Source: transformers 5.18, `models/gemma3n/modeling_gemma3n.py`.
 */
export const gemma3n: Family = {
  name: "gemma3n",
  modelTypes: ["gemma3n"],
  architectures: ["Gemma3nForConditionalGeneration"],
  purpose: "chat about audio and images",
  describe(raw, context) {
    const config = read(raw, context);
    const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
    const audio = readAudio(audioRaw, audioContext);
    const vision = readVision(...sectionOf(raw, "vision_config", context));
    if (!/^mobilenetv5_300m(_enc)?$/.test(vision.architecture)) {
      throw new InputError(
        "unknown-model-type",
        `vision_config.architecture is ${shown(vision.architecture)}, but only mobilenetv5_300m_enc is described here: use that one.`,
        "vision_config.architecture",
      );
    }
    evenHeads(
      audio.hidden_size,
      audio.conf_num_attention_heads,
      "audio_config.hidden_size",
      "audio_config.conf_num_attention_heads",
    );
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    const language = gemma3nText.language(textRaw, textContext, {
      backbone: "model.language_model",
      head: "lm_head",
    });
    const { width } = language;
    const perLayer = perLayerWidth(language.backbone);
    const channels = pairOf(audio.sscp_conv_channel_size, "sscp_conv_channel_size", audioContext);
    const pairs = (field: "sscp_conv_kernel_size" | "sscp_conv_stride_size") => {
      const [a, b] = pairOf(audio[field], field, audioContext);
      return [pairOf(a, field, audioContext), pairOf(b, field, audioContext)] as const;
    };
    const strides = pairs("sscp_conv_stride_size");
    const root = module("Gemma3nForConditionalGeneration", "", [
      module(
        "Gemma3nModel",
        "model",
        [
          mobileNetV5("vision_tower", "vision_encoder"),
          language.backbone,
          gemma3nAudio("audio_tower", {
            bins: audio.input_feat_size,
            width: audio.hidden_size,
            layers: audio.conf_num_hidden_layers,
            heads: audio.conf_num_attention_heads,
            chunk: audio.conf_attention_chunk_size,
            left: audio.conf_attention_context_left,
            right: audio.conf_attention_context_right,
            kernel: audio.conf_conv_kernel_size,
            channels,
            kernels: pairs("sscp_conv_kernel_size"),
            strides,
            dtype: statedDtype(audioRaw) ?? "model",
          }),
          embedder("embed_vision", "vision_projector", vision, language.width),
          embedder("embed_audio", "audio_projector", audio, language.width),
        ],
        {
          op: {
            kind: "merge",
            checked: true,
            kept: false,
            images: "first",
            waits: [width, width, width, perLayer],
          },
        },
      ),
      lmHead({
        copied: true,
        width: language.width,
        vocab: language.vocab,
        tiedTo: config.tie_word_embeddings && "model.language_model.embed_tokens.weight",
        positions: "last",
      }),
    ]);
    return {
      type: "multimodal",
      root,
      dtype: statedDtype(raw) ?? language.dtype,
      audio: geometry(
        audio.input_feat_size,
        strides.map(([time]) => time),
        config.audio_soft_tokens_per_image,
      ),
      vision: {
        sizing: {
          kind: "square",
          side: IMAGE_SIDE,
          patches: config.vision_soft_tokens_per_image,
          tokens: config.vision_soft_tokens_per_image,
        },
        pixelValues: 3,
        assumed: `Images are scaled to ${IMAGE_SIDE}×${IMAGE_SIDE} pixels, as the published preprocessor_config.json says. What their encoder (MobileNetV5) holds while it runs is not counted.`,
      },
      context: contextUpTo(language.maxPositions),
    };
  },
};

/** google/gemma-3n-E4B-it, preprocessor_config.json: `size`; the tower's 16 × 16 positions at a stride of 48 pixels. */
const IMAGE_SIDE = 768;

/** The vectors of all layers are looked up before the audio is encoded. */
const perLayerWidth = ({ op }: Module): number =>
  op?.kind === "tower" ? (op.beside?.[0] ?? 0) : 0;

function embedder(
  name: string,
  component: Component,
  own: { readonly vocab_size: number; readonly hidden_size: number },
  width: number,
): Module {
  const norm = (which: string) =>
    rmsNormFp32(`${which}_embedding_norm`, own.hidden_size, "Gemma3nRMSNorm");
  return module(
    "Gemma3nMultimodalEmbedder",
    name,
    [
      embedding("embedding", own.vocab_size, own.hidden_size),
      norm("hard"),
      norm("soft"),
      linear("embedding_projection", own.hidden_size, width, { bias: false }),
    ],
    { component, op: { kind: "projector", widths: [width] } },
  );
}

/**
 * `Gemma3nAudioFeatureExtractor`: 30 s at most, padded to a multiple of 128 samples; frames of 32 ms and one sample every
 * 10 ms. The two convolutions pad as much as their kernels reach; whatever comes out, the prompt has a fixed number of tokens.
 */
const geometry = (bins: number, strides: readonly number[], tokens: number): AudioGeometry => ({
  sampleRate: SAMPLE_RATE,
  bins,
  framing: [
    { kind: "ceil", by: 128 },
    { kind: "scale", by: 128 },
    { kind: "conv", kernel: 513, stride: HOP },
  ],
  encoding: strides.map((stride) => ({ kind: "conv", kernel: 1, stride })),
  pooling: [{ kind: "fixed", value: tokens }],
  window: { samples: 480_000, padded: false, tokensFromPadding: false, longer: "truncated" },
});
