import { CHUNK, HOP, whisperGeometry } from "../audio/whisper-geometry.ts";
import type { RawConfig } from "../config/raw.ts";
import { ropeSection, rotatedWidth } from "../config/rope.ts";
import { decimal, dimension, flag, maybe, or, reader } from "../config/schema.ts";
import { projector } from "../layers/projector.ts";
import { rotary } from "../layers/rotary.ts";
import { whisperEncoder } from "../towers/whisper.ts";
import type { Module } from "../tree/module.ts";
import { audioLlm, textPart } from "./audio-llm.ts";
import type { Context, Described, Family } from "./family.ts";
import { whisperSizes } from "./voxtral.ts";

/** AudioFlamingo3Config and MusicFlamingoConfig (transformers 5.18). */
const read = reader(() => ({ projector_bias: or(flag(), true) }));

/**
 * Audio Flamingo 3 (Goel et al. 2025): Whisper's encoder over windows of 30 s, a pooling of two, two matrices, and Qwen2.
 * Source: `models/audioflamingo3/modeling_audioflamingo3.py`.
 */
export const audioFlamingo3: Family = {
  name: "audioflamingo3",
  modelTypes: ["audioflamingo3"],
  architectures: ["AudioFlamingo3ForConditionalGeneration"],
  purpose: "chat about audio",
  // AudioFlamingo3Processor: max_audio_len 600 s.
  describe: (raw, context) => flamingo(raw, context, "AudioFlamingo3", 600),
};

/** Music Flamingo: the same, with positions in time turned into what the projector sees. Source: `models/musicflamingo`. */
export const musicFlamingo: Family = {
  name: "musicflamingo",
  modelTypes: ["musicflamingo"],
  architectures: ["MusicFlamingoForConditionalGeneration"],
  purpose: "chat about music",
  // MusicFlamingoProcessor: max_audio_len 1200 s.
  describe: (raw, context) =>
    flamingo(raw, context, "MusicFlamingo", 1200, (width) => timeEmbedding(raw, context, width)),
};

function flamingo(
  raw: RawConfig,
  context: Context,
  classes: string,
  maxSeconds: number,
  extra?: (width: number) => Module,
): Described {
  const { projector_bias: bias } = read(raw, context);
  const encoder = whisperSizes(raw, context);
  const text = textPart(raw, context, { type: "qwen2" });
  return audioLlm(raw, context, {
    class: `${classes}Model`,
    children: [
      whisperEncoder(encoder, {
        name: "audio_tower",
        classes: "AudioFlamingo3",
        component: "audio_encoder",
        servedWhole: true,
      }),
      text.backbone,
      projector(
        `${classes}MultiModalProjector`,
        "multi_modal_projector",
        encoder.width,
        [text.width, text.width],
        { bias },
      ),
      ...(extra ? [extra(encoder.width)] : []),
    ],
    text,
    tied: false,
    audio: {
      ...whisperGeometry(
        encoder.bins,
        encoder.positions,
        { padded: true, tokensFromPadding: false, longer: "batched" },
        [{ kind: "conv", kernel: 2, stride: 2 }],
      ),
      // The mask of the padded window counts a begun frame as a frame.
      framing: [{ kind: "ceil", by: HOP }],
      maxSamples: (maxSeconds * CHUNK) / 30,
    },
  });
}

/** MusicFlamingoConfig derives both from the rotary parameters and the encoder, unless a saved config states them. */
const readTime = reader(() => ({
  max_position_embeddings: maybe(decimal()),
  head_dim: maybe(dimension()),
}));
const readTheta = reader(() => ({ rope_theta: or(decimal(), 1200) }));

/** MusicFlamingoRotaryEmbedding: angles by window and by time, kept as a table in fp32. */
function timeEmbedding(raw: RawConfig, context: Context, width: number): Module {
  const config = readTime(raw, context);
  const given = ropeSection(raw, context);
  const rows = config.max_position_embeddings ?? readTheta(given ?? {}, context).rope_theta;
  // The class's own rotary parameters turn a fifth of the width.
  const turned = rotatedWidth(raw, context, config.head_dim ?? width, given ? 1 : 0.2);
  const module = rotary("pos_emb", "MusicFlamingoRotaryEmbedding", turned);
  return {
    ...module,
    buffers: [
      ...(module.buffers ?? []),
      {
        name: "position_angles",
        shape: [Math.floor(rows), 2 * Math.ceil(turned / 2)],
        dtype: "fp32",
        persistent: false,
      },
    ],
  };
}
