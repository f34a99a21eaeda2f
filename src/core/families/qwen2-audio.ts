import { whisperGeometry } from "../audio/whisper-geometry.ts";
import { count, dimension, or, positions, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { contextUpTo } from "../model.ts";
import { evenHeads, whisperEncoder } from "../towers/whisper.ts";
import { module } from "../tree/module.ts";
import { type Family, sectionOf } from "./family.ts";

/** Qwen2AudioEncoderConfig (transformers 5.18). */
const readEncoder = reader(() => ({
  num_mel_bins: or(dimension(), 128),
  encoder_layers: or(count(), 32),
  encoder_attention_heads: or(dimension(), 20),
  encoder_ffn_dim: or(dimension(), 5120),
  d_model: or(dimension(), 1280),
  max_source_positions: or(positions(), 1500),
}));

/**
 * Qwen2-Audio (Chu et al. 2024): Whisper's encoder with a pooling of two, one matrix, and Qwen2. Logits are computed for the
 * whole prompt. Source: `models/qwen2_audio/modeling_qwen2_audio.py`.
 */
export const qwen2Audio: Family = {
  name: "qwen2_audio",
  modelTypes: ["qwen2_audio"],
  architectures: ["Qwen2AudioForConditionalGeneration"],
  purpose: "chat about audio",
  describe(raw, context) {
    const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    const audio = readEncoder(audioRaw, audioContext);
    evenHeads(
      audio.d_model,
      audio.encoder_attention_heads,
      "audio_config.d_model",
      "audio_config.encoder_attention_heads",
    );
    const text = context.language(
      textRaw,
      textContext,
      { backbone: "model.language_model", head: "lm_head" },
      "qwen2",
    );
    const root = module(context.architecture, "", [
      module(
        "Qwen2AudioModel",
        "model",
        [
          whisperEncoder(
            {
              bins: audio.num_mel_bins,
              width: audio.d_model,
              layers: audio.encoder_layers,
              heads: audio.encoder_attention_heads,
              inner: audio.encoder_ffn_dim,
              positions: audio.max_source_positions,
            },
            {
              name: "audio_tower",
              classes: "Qwen2Audio",
              component: "audio_encoder",
              servedWhole: true,
            },
          ),
          module(
            "Qwen2AudioMultiModalProjector",
            "multi_modal_projector",
            [linear("linear", audio.d_model, text.width)],
            { component: "audio_projector", op: { kind: "projector", widths: [text.width] } },
          ),
          text.backbone,
        ],
        { op: { kind: "merge", checked: false, kept: false } },
      ),
      text.head.op?.kind === "head"
        ? { ...text.head, op: { ...text.head.op, positions: "all" } }
        : text.head,
    ]);
    return {
      type: "audio-llm",
      root,
      dtype: text.dtype,
      // The mel input is always padded to the window; only the frames that hold audio become tokens (avg_pooler, stride 2).
      audio: whisperGeometry(
        audio.num_mel_bins,
        audio.max_source_positions,
        { padded: true, tokensFromPadding: false, longer: "truncated" },
        [{ kind: "conv", kernel: 2, stride: 2 }],
      ),
      context: contextUpTo(text.maxPositions),
    };
  },
};
