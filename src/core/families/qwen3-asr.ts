import { layered } from "../config/layered.ts";
import { own, type RawConfig, section } from "../config/raw.ts";
import {
  anything,
  count,
  dimension,
  flag,
  integer,
  maybe,
  or,
  positions,
  reader,
} from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { projector } from "../layers/projector.ts";
import { qwenAudioBlock, qwenAudioEncoder, qwenAudioGeometry } from "../towers/qwen-audio.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Module } from "../tree/module.ts";
import { audioLlm, textPart } from "./audio-llm.ts";
import { type Context, type Family, sectionOf } from "./family.ts";

/** Qwen3ASREncoderConfig (transformers 5.18). */
const readEncoder = reader(() => ({
  num_mel_bins: or(dimension(), 128),
  encoder_layers: or(count(), 24),
  encoder_attention_heads: or(dimension(), 16),
  encoder_ffn_dim: or(dimension(), 4096),
  d_model: or(dimension(), 1024),
  n_window: or(integer(1, 1_000_000), 50),
  n_window_infer: or(integer(1, 1_000_000), 800),
  output_dim: or(dimension(), 3584),
  downsample_hidden_size: or(dimension(), 480),
  max_position_embeddings: or(positions(), 13),
}));

/** The class's other names. The field `num_hidden_layers` of the original configs repeats `encoder_layers`. */
const ALIASES = {
  hidden_size: "d_model",
  num_hidden_layers: "encoder_layers",
  num_attention_heads: "encoder_attention_heads",
  intermediate_size: "encoder_ffn_dim",
};

/** Qwen3ASRConfig. */
const read = reader(() => ({
  tie_word_embeddings: or(flag(), true),
  token_classification_bias: or(flag(), false),
  num_labels: maybe(count()),
  id2label: maybe(anything()),
  classify_num: maybe(count()),
}));

/** Qwen3ASRConfig builds this where there is no `text_config` at all. */
const TEXT = {
  hidden_size: 2048,
  intermediate_size: 6144,
  num_hidden_layers: 28,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  head_dim: 128,
  max_position_embeddings: 65536,
};

/**
 * Qwen3-ASR and its forced aligner: Qwen's audio encoder, two matrices, and Qwen3. The original repositories keep
 * everything in `thinker_config`, the `-hf` ones at the top. Source: `models/qwen3_asr/modeling_qwen3_asr.py`.
 */
export const qwen3Asr: Family = {
  name: "qwen3_asr",
  modelTypes: ["qwen3_asr"],
  architectures: ["Qwen3ASRForConditionalGeneration", "Qwen3ASRForTokenClassification"],
  purpose: "speech recognition and alignment",
  describe(top, outer) {
    const thinker = section(top, "thinker_config", outer.path);
    const raw = thinker ?? top;
    const context = thinker ? outer.inside("thinker_config") : outer;
    const config = read(raw, context);
    const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
    const audio = readEncoder(layered(audioRaw, audioContext, { aliases: ALIASES }), audioContext);
    evenHeads(
      audio.d_model,
      audio.encoder_attention_heads,
      "audio_config.d_model",
      "audio_config.encoder_attention_heads",
    );
    const text = textPart(raw, context, { type: "qwen3", absent: TEXT });
    return audioLlm(raw, context, {
      class: "Qwen3ASRModel",
      children: [
        qwenAudioEncoder(
          {
            bins: audio.num_mel_bins,
            width: audio.d_model,
            layers: audio.encoder_layers,
            heads: audio.encoder_attention_heads,
            inner: audio.encoder_ffn_dim,
            channels: audio.downsample_hidden_size,
            positions: audio.max_position_embeddings,
            chunk: 2 * audio.n_window,
            block: qwenAudioBlock(audio.n_window, audio.n_window_infer),
          },
          {
            name: "audio_tower",
            class: "Qwen3ASREncoder",
            classes: "Qwen3ASRAudio",
            component: "audio_encoder",
          },
        ),
        text.backbone,
        projector("Qwen3ASRMultiModalProjector", "multi_modal_projector", audio.d_model, [
          audio.d_model,
          audio.output_dim,
        ]),
      ],
      text,
      tied: config.tie_word_embeddings,
      ...(aligns(raw, context) && { head: classifier(config, text) }),
      audio: qwenAudioGeometry(audio.num_mel_bins, audio.n_window),
    });
  },
};

/** Whether it marks words in time instead of writing them. */
const aligns = (raw: RawConfig, context: Context): boolean =>
  context.architecture === "Qwen3ASRForTokenClassification" ||
  String(own(raw, "model_type")).includes("forced_aligner");

/** A head over time marks; the original config calls their number `classify_num`. */
function classifier(
  config: ReturnType<typeof read>,
  text: { readonly width: number; readonly vocab: number },
): Module {
  const named = config.id2label;
  const labels =
    typeof named === "object" && named !== null ? Object.keys(named).length : undefined;
  const marks = config.classify_num ?? config.num_labels ?? labels ?? DEFAULT_LABELS;
  return {
    ...linear("score", text.width, marks, {
      bias: config.token_classification_bias,
      component: "lm_head",
    }),
    op: { kind: "head", vocab: marks, positions: "all" },
  };
}

/** PreTrainedConfig: `num_labels` where nothing says otherwise. */
const DEFAULT_LABELS = 2;
