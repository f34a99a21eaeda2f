import { HOP, SAMPLE_RATE, WHISPER_CONVOLUTIONS } from "../audio/whisper-geometry.ts";
import { type RawConfig, section } from "../config/raw.ts";
import { anything, dimension, flag, integer, maybe, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { contextUpTo } from "../model.ts";
import { evenHeads, whisperEncoder } from "../towers/whisper.ts";
import { type Module, module } from "../tree/module.ts";
import type { VisionGeometry } from "../vision/geometry.ts";
import { type Context, type Family, sectionOf, statedDtype } from "./family.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";
import { siglipFromConfig } from "./siglip-config.ts";
import { readWhisper } from "./whisper.ts";

/** MiniCPMOConfig (openbmb/MiniCPM-o-2_6 and -4_5, `configuration_minicpmo.py`); the language model's fields lie beside these. */
const read = reader(() => ({
  version: maybe(anything()),
  query_num: or(dimension(), 64),
  drop_vision_last_layer: or(flag(), true),
  audio_pool_step: maybe(integer(1, 1024)),
  slice_mode: or(flag(), true),
  init_vision: or(flag(), true),
  init_audio: or(flag(), true),
  init_tts: or(flag(), true),
}));

/** MiniCPMVSliceConfig. */
const readSlices = reader(() => ({ max_slice_nums: or(integer(1, 1024), 9) }));

/** What the config class takes where there is no `vision_config` at all. */
const DEFAULT_VISION: RawConfig = {
  hidden_size: 1152,
  image_size: 980,
  intermediate_size: 4304,
  num_attention_heads: 16,
  num_hidden_layers: 27,
  patch_size: 14,
};

/** Longest stretch of audio that the processor gives the encoder at once. */
const SLICE_SECONDS = 30;

/** openbmb/MiniCPM-o-2_6, preprocessor_config.json: `scale_resolution`. */
const SLICE_SIDE = 448;

/** Sides of the table of image positions, and entries of the one of moments (4.5), whatever the config says. */
const GRID = 70;
const MOMENTS = 36_000;

/**
 * MiniCPM-o 2.6 and 4.5: SigLIP with a resampler, Whisper's encoder with a pooling and two matrices, and Qwen2 (2.6) or
 * Qwen3 (4.5). Source: openbmb/MiniCPM-o-2_6, `modeling_minicpmo.py`, `resampler.py`; vLLM,
 * `model_executor/models/{minicpmo,minicpmv}.py`.
 */
export const minicpmo: Family = {
  name: "minicpmo",
  modelTypes: ["minicpmo"],
  architectures: ["MiniCPMO"],
  purpose: "chat about audio, images and video, in text and speech",
  describe(raw, context) {
    const config = read(raw, context);
    const newer = config.version === "4.5" || config.version === 4.5;
    const place = { backbone: "llm.model", head: "llm.lm_head" };
    const text = (newer ? qwen3 : qwen2).language(raw, context, place);
    if (config.init_tts) {
      context.assumptions.add(
        "The speech head (tts_config) is not counted: engines that write text skip it, and its parts are not in the config.",
      );
    }
    const pool = config.audio_pool_step ?? (newer ? 5 : 2);
    const seen = config.init_vision ? seeing(raw, context, config, text.width, newer) : undefined;
    const audio = config.init_audio ? hearing(raw, context, text.width) : undefined;
    return {
      type: "audio-llm",
      root: module("MiniCPMO", "", [
        module(newer ? "Qwen3ForCausalLM" : "Qwen2ForCausalLM", "llm", [text.backbone, text.head]),
        ...(seen?.modules ?? []),
        ...(audio?.modules ?? []),
      ]),
      dtype: statedDtype(raw) ?? text.dtype,
      audio: audio && {
        sampleRate: SAMPLE_RATE,
        bins: audio.bins,
        framing: [{ kind: "ceil", by: HOP }],
        encoding: WHISPER_CONVOLUTIONS,
        pooling: [{ kind: "conv", kernel: pool, stride: pool }],
        window: {
          samples: SLICE_SECONDS * SAMPLE_RATE,
          padded: false,
          tokensFromPadding: false,
          longer: "batched",
        },
        maxPositions: audio.positions,
      },
      ...(seen && { vision: seen.images }),
      context: contextUpTo(text.maxPositions),
    };
  },
};

function seeing(
  raw: RawConfig,
  context: Context,
  config: ReturnType<typeof read>,
  width: number,
  moments: boolean,
): { readonly modules: readonly Module[]; readonly images: VisionGeometry } {
  const vision = siglipFromConfig(
    section(raw, "vision_config", context.path) ?? DEFAULT_VISION,
    context.inside("vision_config"),
    "vpm",
    { anySize: true, withHead: false, dropped: config.drop_vision_last_layer ? 1 : 0 },
  );
  return {
    modules: [vision.tower, resampler(vision.width, width, config.query_num, moments)],
    images: {
      sizing: {
        kind: "slices",
        side: SLICE_SIDE,
        patch: vision.patch,
        mostSlices: config.slice_mode
          ? readSlices(...sectionOf(raw, "slice_config", context)).max_slice_nums
          : 1,
        tokensPerSlice: config.query_num,
      },
      pixelValues: vision.channels,
      assumed: `Slices have the area of ${SLICE_SIDE}×${SLICE_SIDE} pixels, as the published preprocessor_config.json says (scale_resolution).`,
    },
  };
}

/** Learned queries that attend to an image's patches, so that every slice becomes as many tokens. */
function resampler(inputs: number, width: number, queries: number, moments: boolean): Module {
  const table = (name: string, shape: readonly number[]) =>
    ({ name, shape: [...shape, width], dtype: "fp32", persistent: false }) as const;
  return module(
    "Resampler",
    "resampler",
    [
      inputs === width ? undefined : linear("kv_proj", inputs, width, { bias: false }),
      module("MultiheadAttention", "attn", [linear("out_proj", width, width)], {
        tensors: [
          { name: "in_proj_weight", shape: [3 * width, width] },
          { name: "in_proj_bias", shape: [3 * width] },
        ],
      }),
      layerNorm("ln_q", width),
      layerNorm("ln_kv", width),
      layerNorm("ln_post", width),
    ],
    {
      component: "vision_projector",
      tensors: [
        { name: "query", shape: [queries, width] },
        { name: "proj", shape: [width, width] },
      ],
      buffers: [
        table("pos_embed", [GRID, GRID]),
        ...(moments ? [table("temporal_pos_embed", [MOMENTS])] : []),
      ],
      op: { kind: "projector", widths: [width] },
    },
  );
}

function hearing(raw: RawConfig, context: Context, width: number) {
  const config = readWhisper(...sectionOf(raw, "audio_config", context));
  evenHeads(
    config.d_model,
    config.encoder_attention_heads,
    "audio_config.d_model",
    "audio_config.encoder_attention_heads",
  );
  const inner = config.encoder_ffn_dim;
  // The reference takes a quarter of the feed-forward's width for the encoder's own.
  const out = Math.floor(inner / 4);
  return {
    bins: config.num_mel_bins,
    positions: config.max_source_positions,
    modules: [
      whisperEncoder(
        {
          bins: config.num_mel_bins,
          width: config.d_model,
          layers: config.encoder_layers,
          heads: config.encoder_attention_heads,
          inner,
          positions: config.max_source_positions,
        },
        { name: "apm", classes: "MiniCPMWhisper", component: "audio_encoder", servedWhole: true },
      ),
      module(
        "MultiModalProjector",
        "audio_projection_layer",
        [linear("linear1", out, width), linear("linear2", width, width)],
        { component: "audio_projector", op: { kind: "projector", widths: [width, width] } },
      ),
    ],
  };
}
