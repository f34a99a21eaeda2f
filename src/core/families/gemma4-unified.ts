import type { AudioGeometry } from "../audio/geometry.ts";
import { SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { type RawConfig, section } from "../config/raw.ts";
import { dimension, integer, maybe, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { type Component, type Module, module } from "../tree/module.ts";
import type { VisionGeometry } from "../vision/geometry.ts";
import type { Context } from "./family.ts";

/** Gemma4UnifiedAudioConfig: one number under four names. */
const readFrames = reader(() => ({
  output_proj_dims: maybe(dimension()),
  hidden_size: maybe(dimension()),
  audio_samples_per_token: maybe(dimension()),
  audio_embed_dim: or(dimension(), 640),
}));

/** Gemma4UnifiedVisionConfig. */
const readPatches = reader(() => ({
  patch_size: or(integer(1, 10_000), 16),
  pooling_kernel_size: or(integer(1, 10_000), 3),
  mm_embed_dim: or(dimension(), 3840),
  mm_posemb_size: or(dimension(), 1120),
  output_proj_dims: or(dimension(), 3840),
}));

/** What stands in front of a Gemma 4 language model. */
export interface Gemma4Parts {
  readonly vision?: Module;
  readonly visionProjector?: Module;
  readonly audio?: Module;
  readonly audioProjector?: Module;
  readonly geometry: AudioGeometry | undefined;
  readonly images?: VisionGeometry;
}

/** `Gemma4ImageProcessor.max_soft_tokens` (transformers 5.18); it takes 70, 140, 280, 560 or 1,120. */
const MOST_TOKENS = 280;

/** @param pooledFirst the patches of a token are put together before the model takes them. */
export const gemma4Images = (
  patch: number,
  pooling: number,
  pooledFirst = false,
): VisionGeometry => ({
  sizing: {
    kind: "patch-budget",
    patch,
    pooling,
    mostTokens: MOST_TOKENS,
    ...(pooledFirst && { pooledFirst: true }),
  },
  pixelValues: 3,
  assumed: `An image becomes up to ${MOST_TOKENS} tokens, as the processor's max_soft_tokens says.`,
});

/** Nothing but norms and matrices between raw audio or image patches and the language model. */
export function unifiedParts(raw: RawConfig, context: Context, width: number): Gemma4Parts {
  const visionRaw = section(raw, "vision_config", context.path);
  const audioRaw = section(raw, "audio_config", context.path);
  const classes = "Gemma4Unified";
  const frames = audioRaw && readFrames(audioRaw, context.inside("audio_config"));
  const seen = visionRaw && readPatches(visionRaw, context.inside("vision_config"));
  const samples =
    frames &&
    (frames.output_proj_dims ??
      frames.hidden_size ??
      frames.audio_samples_per_token ??
      frames.audio_embed_dim);
  return {
    ...(seen && {
      visionProjector: patches(seen, width),
      images: gemma4Images(seen.patch_size, seen.pooling_kernel_size, true),
    }),
    ...(samples !== undefined && {
      audioProjector: gemma4Embedder(classes, "embed_audio", "audio_projector", samples, width),
    }),
    // Raw samples, cut into as many as a token takes (`Gemma4UnifiedProcessor._compute_audio_num_tokens`).
    geometry:
      samples === undefined
        ? undefined
        : {
            sampleRate: SAMPLE_RATE,
            bins: samples,
            framing: [{ kind: "ceil", by: samples }],
            encoding: [],
            pooling: [],
          },
  };
}

function patches(config: ReturnType<typeof readPatches>, width: number): Module {
  const own = config.mm_embed_dim;
  const patch = 3 * (config.patch_size * config.pooling_kernel_size) ** 2;
  return module(
    "Gemma4UnifiedVisionEmbedder",
    "embed_vision",
    [
      layerNorm("patch_ln1", patch),
      linear("patch_dense", patch, own),
      layerNorm("patch_ln2", own),
      layerNorm("pos_norm", own),
      gemma4Embedder(
        "Gemma4Unified",
        "multimodal_embedder",
        "vision_projector",
        config.output_proj_dims,
        width,
      ),
    ],
    {
      component: "vision_projector",
      tensors: [{ name: "pos_embedding", shape: [config.mm_posemb_size, 2, own] }],
    },
  );
}

/** A norm without scale, then a matrix to the language model's width. */
export const gemma4Embedder = (
  classes: string,
  name: string,
  component: Component,
  from: number,
  width: number,
): Module =>
  module(
    `${classes}MultimodalEmbedder`,
    name,
    [linear("embedding_projection", from, width, { bias: false })],
    { component, op: { kind: "projector", widths: [width] } },
  );
