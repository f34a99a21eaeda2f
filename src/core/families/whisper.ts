import { whisperGeometry } from "../audio/whisper-geometry.ts";
import { count, dimension, flag, or, positions, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { evenHeads, whisperDecoder, whisperEncoder } from "../towers/whisper.ts";
import { module } from "../tree/module.ts";
import type { Family } from "./family.ts";

/** WhisperConfig's fields and defaults (transformers 5.18, `configuration_whisper.py`). */
export const readWhisper = reader(() => ({
  vocab_size: or(dimension(), 51865),
  num_mel_bins: or(dimension(), 80),
  encoder_layers: or(count(), 4),
  encoder_attention_heads: or(dimension(), 6),
  decoder_layers: or(count(), 4),
  decoder_attention_heads: or(dimension(), 6),
  encoder_ffn_dim: or(dimension(), 1536),
  decoder_ffn_dim: or(dimension(), 1536),
  d_model: or(dimension(), 384),
  max_source_positions: or(positions(), 1500),
  max_target_positions: or(positions(), 448),
  tie_word_embeddings: or(flag(), true),
}));

/** `<|startoftranscript|><|language|><|task|><|notimestamps|>`: what generation starts from. */
const FORCED_PROMPT = 4;

/**
 * Whisper (Radford et al. 2022), every size, the `.en` ones, and distilled ones, whose encoder and decoder differ in depth.
 * Source: transformers 5.18, `models/whisper/modeling_whisper.py`.
 */
export const whisper: Family = {
  name: "whisper",
  modelTypes: ["whisper"],
  architectures: ["WhisperForConditionalGeneration"],
  purpose: "speech recognition and translation",
  describe(raw, context) {
    const config = readWhisper(raw, context);
    evenHeads(config.d_model, config.encoder_attention_heads, "d_model", "encoder_attention_heads");
    evenHeads(config.d_model, config.decoder_attention_heads, "d_model", "decoder_attention_heads");
    const width = config.d_model;
    const root = module("WhisperForConditionalGeneration", "", [
      module("WhisperModel", "model", [
        whisperEncoder(
          {
            bins: config.num_mel_bins,
            width,
            layers: config.encoder_layers,
            heads: config.encoder_attention_heads,
            inner: config.encoder_ffn_dim,
            positions: config.max_source_positions,
          },
          { name: "encoder", classes: "Whisper", component: "audio_encoder" },
        ),
        whisperDecoder(
          {
            vocab: config.vocab_size,
            width,
            layers: config.decoder_layers,
            heads: config.decoder_attention_heads,
            inner: config.decoder_ffn_dim,
            positions: config.max_target_positions,
          },
          { name: "decoder", classes: "Whisper", component: "decoder" },
        ),
      ]),
      {
        ...linear("proj_out", width, config.vocab_size, {
          bias: false,
          component: config.tie_word_embeddings ? "embeddings" : "lm_head",
          divide: { by: "columns" },
          ...(config.tie_word_embeddings && { tiedTo: "model.decoder.embed_tokens.weight" }),
        }),
        op: { kind: "head", vocab: config.vocab_size, positions: "all" },
      },
    ]);
    return {
      type: "encoder-decoder",
      root,
      audio: whisperGeometry(config.num_mel_bins, config.max_source_positions, {
        padded: true,
        tokensFromPadding: true,
        longer: "sequential",
      }),
      context: {
        max: config.max_target_positions,
        hard: true,
        preset: config.max_target_positions,
        prompt: FORCED_PROMPT,
      },
    };
  },
};
