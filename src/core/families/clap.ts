import type { AudioGeometry } from "../audio/geometry.ts";
import { own, type RawConfig, within } from "../config/raw.ts";
import {
  count,
  decimal,
  dimension,
  flag,
  list,
  maybe,
  or,
  reader,
  text,
} from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { linear } from "../layers/linear.ts";
import { bertEncoder } from "../towers/bert.ts";
import { FUSED, swinAudioEncoder } from "../towers/swin-audio.ts";
import { evenHeads } from "../towers/whisper.ts";
import { type Component, type Module, module } from "../tree/module.ts";
import { type Context, type Family, sectionOf } from "./family.ts";

/** ClapTextConfig (transformers 5.18). */
const readText = reader(() => ({
  vocab_size: or(dimension(), 50_265),
  hidden_size: or(dimension(), 768),
  num_hidden_layers: or(count(), 12),
  num_attention_heads: or(dimension(), 12),
  intermediate_size: or(dimension(), 3072),
  max_position_embeddings: or(dimension(), 514),
  type_vocab_size: or(dimension(), 1),
}));

/** ClapAudioConfig. */
const readAudio = reader(() => ({
  window_size: or(dimension(), 8),
  num_mel_bins: or(dimension(), 64),
  spec_size: or(dimension(), 256),
  hidden_size: or(dimension(), 768),
  depths: or(list(count()), [2, 2, 6, 2]),
  num_attention_heads: or(list(dimension()), [4, 8, 16, 32]),
  enable_fusion: or(flag(), false),
  fusion_type: maybe(text()),
  patch_embed_input_channels: or(dimension(), 1),
  patch_embeds_hidden_size: or(dimension(), 96),
  enable_patch_layer_norm: or(flag(), true),
  qkv_bias: or(flag(), true),
  mlp_ratio: or(decimal(), 4),
  aff_block_r: or(dimension(), 4),
}));
const readSquare = reader(() => ({ patch_size: or(dimension(), 4) }));
const readPatch = reader(() => ({ patch_size: or(list(dimension()), [4, 4]) }));
const readStride = reader(() => ({ patch_stride: or(dimension(), 4) }));
const readStrides = reader(() => ({ patch_stride: or(list(dimension()), [4, 4]) }));
const readShared = reader(() => ({ projection_dim: or(dimension(), 512) }));

/** Stages double the width, and the widest must still be a dimension. */
const MAX_STAGES = 12;
/** What `feature_extraction_clap.py` starts from: 48 kHz, a frame every 480 samples, ten seconds. */
const SAMPLE_RATE = 48_000;
const HOP = 480;
const SECONDS = 10;

/** A number, which stands for both, or a pair. */
function pair(
  raw: RawConfig,
  context: Context,
  name: "patch_size" | "patch_stride",
): readonly [number, number] {
  const single = typeof own(raw, name) === "number";
  const value =
    name === "patch_size"
      ? single
        ? readSquare(raw, context).patch_size
        : readPatch(raw, context).patch_size
      : single
        ? readStride(raw, context).patch_stride
        : readStrides(raw, context).patch_stride;
  if (typeof value === "number") return [value, value];
  const [first, second] = value;
  if (first !== undefined && second !== undefined && value.length === 2) return [first, second];
  const field = within(context.path, name);
  throw new InputError(
    "out-of-range",
    `${field} is ${shown(value)}, but must be a number or a list of two: correct it in the config.`,
    field,
  );
}

const projection = (name: string, width: number, outputs: number, component: Component): Module =>
  module(
    "ClapProjectionLayer",
    name,
    [
      linear("linear1", width, outputs, { divide: { by: "columns" } }),
      linear("linear2", outputs, outputs, { divide: { by: "rows" } }),
    ],
    { component, op: { kind: "projector", widths: [outputs, outputs] } },
  );

/** The stretch is cut or repeated to ten seconds; its spectrogram becomes a square of patches, whatever its length. */
function geometry(bins: number, patches: number): AudioGeometry {
  return {
    sampleRate: SAMPLE_RATE,
    bins,
    framing: [
      { kind: "floor", by: HOP },
      { kind: "scale", by: 1, plus: 1 },
    ],
    encoding: [{ kind: "fixed", value: patches }],
    window: {
      samples: SECONDS * SAMPLE_RATE,
      padded: true,
      tokensFromPadding: true,
      longer: "truncated",
    },
    maxPositions: patches,
  };
}

/** CLAP (Wu et al. 2022), with and without fusion. Source: transformers 5.18, `models/clap/modeling_clap.py`. */
export const clap: Family = {
  name: "clap",
  modelTypes: ["clap"],
  architectures: ["ClapModel"],
  purpose: "audio and text in one space",
  describe(raw, context) {
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
    const words = readText(textRaw, textContext);
    const sound = readAudio(audioRaw, audioContext);
    const { projection_dim: outputs } = readShared(raw, context);
    evenHeads(
      words.hidden_size,
      words.num_attention_heads,
      "text_config.hidden_size",
      "text_config.num_attention_heads",
    );
    checkStages(sound);
    const patch = pair(audioRaw, audioContext, "patch_size");
    const [down, across] = pair(audioRaw, audioContext, "patch_stride");
    const text = bertEncoder(
      {
        vocab: words.vocab_size,
        width: words.hidden_size,
        inner: words.intermediate_size,
        layers: words.num_hidden_layers,
        heads: words.num_attention_heads,
        positions: words.max_position_embeddings,
        types: words.type_vocab_size,
      },
      {
        classes: "ClapText",
        name: "text_model",
        component: "text_model",
        pooled: true,
        positionsLast: true,
        storedIndices: true,
        scores: "fp32-softmax",
        tower: false,
      },
    );
    const audio = swinAudioEncoder("audio_encoder", {
      bins: sound.num_mel_bins,
      inputs: sound.patch_embed_input_channels,
      width: sound.patch_embeds_hidden_size,
      depths: sound.depths,
      heads: sound.num_attention_heads,
      window: sound.window_size,
      patch,
      normedPatches: sound.enable_patch_layer_norm,
      bias: sound.qkv_bias,
      ratio: sound.mlp_ratio,
      ...(sound.enable_fusion && {
        fusion: { reduction: sound.aff_block_r, stacked: sound.fusion_type === "channel_map" },
      }),
    });
    const root = module(
      "ClapModel",
      "",
      [
        text,
        projection("text_projection", words.hidden_size, outputs, "text_model"),
        module("ClapAudioModel", "audio_model", [audio], { component: "audio_encoder" }),
        projection("audio_projection", sound.hidden_size, outputs, "audio_projector"),
      ],
      {
        component: "text_model",
        tensors: [
          { name: "logit_scale_a", shape: [] },
          { name: "logit_scale_t", shape: [] },
        ],
      },
    );
    const side = sound.spec_size;
    const patches = Math.floor(side / down) * Math.floor(side / across);
    return {
      type: "encoder-only",
      root,
      audio: geometry(sound.num_mel_bins * (sound.enable_fusion ? FUSED : 1), Math.max(1, patches)),
      context: { max: undefined, hard: false, preset: 0, prompt: undefined },
    };
  },
};

function checkStages(sound: ReturnType<typeof readAudio>): void {
  const { depths, num_attention_heads: heads, patch_embeds_hidden_size: width } = sound;
  if (depths.length === 0 || depths.length > MAX_STAGES || heads.length < depths.length) {
    throw new InputError(
      "inconsistent",
      `audio_config.depths has ${depths.length} stages and audio_config.num_attention_heads ${heads.length}, but there must be 1 to ${MAX_STAGES} with heads for each: correct them in the config.`,
      "audio_config.depths",
    );
  }
  depths.forEach((_, i) => {
    evenHeads(
      width * 2 ** i,
      heads[i] ?? 1,
      `stage ${i} of audio_config.patch_embeds_hidden_size`,
      `audio_config.num_attention_heads[${i}]`,
    );
  });
}
