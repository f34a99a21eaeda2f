import type { AudioGeometry } from "../audio/geometry.ts";
import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { own } from "../config/raw.ts";
import { count, dimension, flag, integer, list, maybe, or, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { linear } from "../layers/linear.ts";
import { contextUpTo } from "../model.ts";
import { graniteConformer } from "../towers/granite-conformer.ts";
import { lmHead } from "../towers/lm-head.ts";
import { qformer, readQFormer } from "../towers/qformer.ts";
import { evenHeads } from "../towers/whisper.ts";
import { module } from "../tree/module.ts";
import { type Family, sectionOf, statedDtype } from "./family.ts";

/** GraniteSpeechConfig and GraniteSpeechPlusConfig (transformers 5.18). */
const read = reader(() => ({
  downsample_rate: or(integer(1, 1000), 5),
  window_size: or(integer(1, 100_000), 15),
  tie_word_embeddings: or(flag(), true),
}));

/** GraniteSpeechEncoderConfig (transformers 5.18). */
const readEncoder = reader(() => ({
  input_dim: or(dimension(), 160),
  num_layers: or(count(), 10),
  hidden_dim: or(dimension(), 1024),
  feedforward_mult: or(integer(1, 1000), 4),
  num_heads: or(dimension(), 8),
  dim_head: maybe(dimension()),
  output_dim: or(dimension(), 42),
  context_size: or(integer(1, 2 ** 20), 200),
  max_pos_emb: or(integer(1, 2 ** 20), 512),
  conv_kernel_size: or(integer(1, 10_000), 15),
  conv_expansion_factor: or(integer(1, 1000), 2),
  cat_hidden_layers: maybe(list(integer(0, 100_000))),
}));

/**
 * Granite Speech: a conformer CTC encoder, a Q-Former that turns every window of positions into a few queries, and a
 * Granite language model. "Plus" also hands intermediate layers to the projector. The LoRA adapter that
 * `has_lora_adapter` speaks of is a file of its own. Source: `models/granite_speech*`.
 */
export const graniteSpeech: Family = {
  name: "granite_speech",
  modelTypes: ["granite_speech", "granite_speech_plus"],
  architectures: [
    "GraniteSpeechForConditionalGeneration",
    "GraniteSpeechPlusForConditionalGeneration",
  ],
  purpose: "speech recognition and translation",
  describe(raw, context) {
    const config = read(raw, context);
    const audio = readEncoder(...sectionOf(raw, "encoder_config", context));
    const projector = readQFormer(...sectionOf(raw, "projector_config", context));
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    const field = "projector_config.num_attention_heads";
    evenHeads(
      projector.hidden_size,
      projector.num_attention_heads,
      "projector_config.hidden_size",
      field,
    );
    if (audio.context_size > audio.max_pos_emb) {
      throw new InputError(
        "inconsistent",
        `encoder_config.context_size is ${audio.context_size}, more than encoder_config.max_pos_emb ${audio.max_pos_emb}: correct one of them in the config.`,
        "encoder_config.context_size",
      );
    }
    const plus = own(raw, "model_type") === "granite_speech_plus";
    const cat = plus ? (audio.cat_hidden_layers ?? []).length : 0;
    const source = audio.hidden_dim * (cat + 1);
    if (projector.encoder_hidden_size !== source) {
      throw new InputError(
        "inconsistent",
        `projector_config.encoder_hidden_size is ${projector.encoder_hidden_size}, but the encoder hands on ${source} values per position: correct it in the config.`,
        "projector_config.encoder_hidden_size",
      );
    }
    const classes = plus ? "GraniteSpeechPlus" : "GraniteSpeech";
    const text = context.language(
      textRaw,
      textContext,
      { backbone: "model.language_model", head: "lm_head" },
      "granite",
    );
    const queries = Math.floor(config.window_size / config.downsample_rate);
    const root = module(context.architecture, "", [
      module(
        `${classes}Model`,
        "model",
        [
          graniteConformer(classes, {
            bins: audio.input_dim,
            width: audio.hidden_dim,
            layers: audio.num_layers,
            heads: audio.num_heads,
            headDim: audio.dim_head ?? Math.floor(audio.hidden_dim / audio.num_heads),
            inner: audio.hidden_dim * audio.feedforward_mult,
            outputs: audio.output_dim,
            block: audio.context_size,
            maxDistance: audio.max_pos_emb,
            kernel: audio.conv_kernel_size,
            convInner: audio.hidden_dim * audio.conv_expansion_factor,
          }),
          module(
            `${classes}EncoderProjector`,
            "projector",
            [qformer("qformer", projector), linear("linear", projector.hidden_size, text.width)],
            {
              component: "audio_projector",
              tensors: [{ name: "query", shape: [1, queries, projector.hidden_size] }],
              op: { kind: "projector", widths: [projector.hidden_size, text.width] },
            },
          ),
          text.backbone,
        ],
        { op: { kind: "merge", checked: true, kept: true, waits: [text.width, text.width] } },
      ),
      lmHead({
        copied: true,
        width: text.width,
        vocab: text.vocab,
        tiedTo: config.tie_word_embeddings && "model.language_model.embed_tokens.weight",
        positions: "last",
      }),
    ]);
    return {
      type: "audio-llm",
      root,
      dtype: statedDtype(raw) ?? text.dtype,
      audio: geometry(audio.input_dim, config.window_size, queries),
      context: contextUpTo(text.maxPositions),
    };
  },
};

/** `GraniteSpeechFeatureExtractor._get_num_audio_features`: two mel frames make one position, a window some queries. */
const geometry = (bins: number, window: number, queries: number): AudioGeometry => ({
  sampleRate: SAMPLE_RATE,
  bins,
  // Two mel frames are stacked before they enter.
  framing: [
    { kind: "floor", by: HOP },
    { kind: "scale", by: 1, plus: 1 },
    { kind: "floor", by: 2 },
  ],
  encoding: [],
  pooling: [
    { kind: "ceil", by: window },
    { kind: "scale", by: queries },
  ],
  // vLLM, granite_speech.py: 8,000,000 samples, one recording a prompt.
  profiled: { seconds: 8_000_000 / SAMPLE_RATE, limit: 1 },
});
