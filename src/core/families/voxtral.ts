import { whisperGeometry } from "../audio/whisper-geometry.ts";
import { layered } from "../config/layered.ts";
import type { RawConfig } from "../config/raw.ts";
import { count, dimension, or, positions, reader } from "../config/schema.ts";
import { projector } from "../layers/projector.ts";
import { evenHeads, type WhisperEncoderSizes, whisperEncoder } from "../towers/whisper.ts";
import { audioLlm, textPart } from "./audio-llm.ts";
import { type Context, type Family, sectionOf } from "./family.ts";

/** VoxtralEncoderConfig and AudioFlamingo3EncoderConfig (transformers 5.18): Whisper's encoder, large, under newer field names. */
const readEncoder = reader(() => ({
  hidden_size: or(dimension(), 1280),
  intermediate_size: or(dimension(), 5120),
  num_hidden_layers: or(count(), 32),
  num_attention_heads: or(dimension(), 20),
  num_mel_bins: or(dimension(), 128),
  max_source_positions: or(positions(), 1500),
}));

/** Whisper's field names, which both classes take too. */
const ALIASES = {
  d_model: "hidden_size",
  encoder_layers: "num_hidden_layers",
  encoder_attention_heads: "num_attention_heads",
  encoder_ffn_dim: "intermediate_size",
};

/** The encoder that `audio_config` describes. */
export function whisperSizes(raw: RawConfig, context: Context): WhisperEncoderSizes {
  const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
  const audio = readEncoder(layered(audioRaw, audioContext, { aliases: ALIASES }), audioContext);
  evenHeads(
    audio.hidden_size,
    audio.num_attention_heads,
    "audio_config.hidden_size",
    "audio_config.num_attention_heads",
  );
  return {
    bins: audio.num_mel_bins,
    width: audio.hidden_size,
    layers: audio.num_hidden_layers,
    heads: audio.num_attention_heads,
    inner: audio.intermediate_size,
    positions: audio.max_source_positions,
  };
}

/** VoxtralConfig's `_default_text_config_kwargs`. */
const TEXT = {
  vocab_size: 131072,
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 30,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  head_dim: 128,
};

/**
 * Voxtral (Liu et al. 2025): Whisper's encoder over chunks of 30 s, four positions to a token, and a Llama with a head of
 * its own whatever the config says. Source: `models/voxtral/modeling_voxtral.py`.
 */
export const voxtral: Family = {
  name: "voxtral",
  modelTypes: ["voxtral"],
  architectures: ["VoxtralForConditionalGeneration"],
  purpose: "speech recognition, translation and chat about audio",
  describe(raw, context) {
    const encoder = whisperSizes(raw, context);
    const text = textPart(raw, context, { type: "llama", presets: TEXT });
    return audioLlm(raw, context, {
      class: "VoxtralModel",
      children: [
        whisperEncoder(encoder, {
          name: "audio_tower",
          classes: "Voxtral",
          component: "audio_encoder",
          fp32Positions: true,
        }),
        text.backbone,
        projector(
          "VoxtralMultiModalProjector",
          "multi_modal_projector",
          encoder.inner,
          [text.width, text.width],
          { bias: false },
        ),
      ],
      text,
      tied: false,
      // Neighbouring positions are laid side by side until they are as wide as the encoder's feed-forward.
      audio: {
        ...whisperGeometry(
          encoder.bins,
          encoder.positions,
          { padded: true, tokensFromPadding: true, longer: "batched" },
          [{ kind: "floor", by: encoder.inner / encoder.width }],
        ),
        // vLLM, voxtral.py: up to 5 recordings, one of which may fill the context.
        profiled: { seconds: "context", limit: 5 },
      },
    });
  },
};
