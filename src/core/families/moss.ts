import { follow } from "../audio/geometry.ts";
import { HOP, SAMPLE_RATE, whisperGeometry } from "../audio/whisper-geometry.ts";
import { layered } from "../config/layered.ts";
import { section } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  orNull,
  reader,
} from "../config/schema.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { vqAdaptor } from "../layers/vq-adaptor.ts";
import { contextUpTo } from "../model.ts";
import { languageHead, type Place } from "../towers/causal-lm.ts";
import { HALVED_THRICE, spectrogramConvolutions } from "../towers/qwen-audio.ts";
import { evenHeads, whisperEncoder, whisperEncoderLayer } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { audioLlm, textPart } from "./audio-llm.ts";
import { type Family, sectionOf, statedDtype } from "./family.ts";
import { readWhisper } from "./whisper.ts";

/** MossAudioEncoderConfig (OpenMOSS/MOSS-Audio, `configuration_moss_audio.py`). */
const readEncoder = reader(() => ({
  d_model: or(dimension(), 1280),
  output_dim: or(dimension(), 1280),
  num_mel_bins: or(dimension(), 128),
  encoder_layers: or(count(), 32),
  encoder_attention_heads: or(dimension(), 20),
  encoder_ffn_dim: or(dimension(), 5120),
  downsample_hidden_size: or(dimension(), 480),
  n_window: maybe(integer(1, 1_000_000)),
  deepstack_encoder_layer_indexes: or(orNull(list(integer(0, 100_000))), [8, 16, 24]),
}));

/** MossAudioConfig. */
const read = reader(() => ({
  adapter_hidden_size: or(dimension(), 8192),
  deepstack_num_inject_layers: maybe(count(0)),
}));

const BESIDE: Place = { backbone: "language_model", head: "lm_head" };

/**
 * MOSS-Audio: convolutions over the spectrogram, Whisper's layers, and Qwen3, whose first layers are given intermediate
 * states of the encoder too. Its head is never tied. Source: OpenMOSS/MOSS-Audio, `modeling_moss_audio.py`.
 */
export const mossAudio: Family = {
  name: "moss_audio",
  modelTypes: ["moss_audio"],
  architectures: ["MossAudioModel"],
  purpose: "chat about speech, sound and music",
  describe(raw, context) {
    const config = read(raw, context);
    const encoder = readEncoder(...sectionOf(raw, "audio_config", context));
    evenHeads(
      encoder.d_model,
      encoder.encoder_attention_heads,
      "audio_config.d_model",
      "audio_config.encoder_attention_heads",
    );
    const text = textPart(raw, context, {
      key: "language_config",
      type: "qwen3",
      place: BESIDE,
    });
    const taps = encoder.deepstack_encoder_layer_indexes?.length ?? 0;
    const mergers = Math.min(taps, config.deepstack_num_inject_layers ?? taps);
    const adapter = (name: string): Module => ({
      ...gatedFeedForward("GatedMLP", name, encoder.output_dim, config.adapter_hidden_size, {
        outputs: text.width,
      }),
      component: "audio_projector",
      op: { kind: "projector", widths: [config.adapter_hidden_size, text.width] },
    });
    return {
      type: "audio-llm",
      root: module(
        context.architecture,
        "",
        [
          tower(encoder),
          text.backbone,
          adapter("audio_adapter"),
          stack(upTo(mergers), adapter("deepstack_audio_merger_list")),
          languageHead({ ...text, tied: false }, BESIDE, "all"),
        ],
        { op: { kind: "merge", checked: false, kept: true } },
      ),
      dtype: statedDtype(raw) ?? text.dtype,
      audio: {
        sampleRate: SAMPLE_RATE,
        bins: encoder.num_mel_bins,
        framing: [{ kind: "floor", by: HOP }],
        encoding: HALVED_THRICE,
        pooling: [],
        // vLLM, moss_audio.py: a dummy of one second, although it reckons with 30.
        profiled: { seconds: 1 },
      },
      context: contextUpTo(text.maxPositions),
    };
  },
};

function tower(config: ReturnType<typeof readEncoder>): Module {
  const { d_model: width, num_mel_bins: bins, downsample_hidden_size: channels } = config;
  // Configs that state a window run each stretch of that many frames by itself.
  const block =
    config.n_window === undefined ? undefined : follow(HALVED_THRICE, 2 * config.n_window);
  const layer = whisperEncoderLayer(
    "Whisper",
    { width, heads: config.encoder_attention_heads, inner: config.encoder_ffn_dim },
    block === undefined ? {} : { span: { kind: "chunk", size: block, causal: false } },
  );
  return module(
    "MossAudioEncoder",
    "audio_encoder",
    [
      ...spectrogramConvolutions({ bins, width, channels }, [
        "conv1",
        "conv2",
        "conv3",
        "stem_proj",
      ]),
      stack(upTo(config.encoder_layers), layer),
      layerNorm("layer_norm", width),
      config.output_dim === width
        ? undefined
        : linear("out_proj", width, config.output_dim, { bias: false }),
    ],
    { component: "audio_encoder", op: { kind: "tower", side: "encoder", width } },
  );
}

/** MossTranscribeDiarizeConfig (OpenMOSS/MOSS-Transcribe-Diarize). */
const readDiarize = reader(() => ({
  audio_merge_size: or(integer(1, 1024), 4),
  adaptor_input_dim: maybe(dimension()),
  tie_word_embeddings: or(flag(), true),
}));

/** What the class builds where there is no `text_config`, and no `audio_config`, at all. */
const QWEN = {
  hidden_size: 1024,
  intermediate_size: 3072,
  num_hidden_layers: 28,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  max_position_embeddings: 40960,
};
const WHISPER_MEDIUM = {
  d_model: 1024,
  encoder_layers: 24,
  encoder_attention_heads: 16,
  encoder_ffn_dim: 4096,
};

/**
 * MOSS-Transcribe-Diarize: Whisper's encoder, four positions to a token, and Qwen3.
 * Source: OpenMOSS/MOSS-Transcribe-Diarize, `modeling_moss_transcribe_diarize.py`.
 */
export const mossTranscribeDiarize: Family = {
  name: "moss_transcribe_diarize",
  modelTypes: ["moss_transcribe_diarize"],
  architectures: ["MossTranscribeDiarizeForConditionalGeneration"],
  purpose: "speech recognition with speakers and times",
  describe(raw, context) {
    const config = readDiarize(raw, context);
    const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
    const presets = section(raw, "audio_config", context.path) ? {} : WHISPER_MEDIUM;
    const audio = readWhisper(layered(audioRaw, audioContext, { presets }), audioContext);
    evenHeads(
      audio.d_model,
      audio.encoder_attention_heads,
      "audio_config.d_model",
      "audio_config.encoder_attention_heads",
    );
    const text = textPart(raw, context, { type: "qwen3", absent: QWEN });
    const merged = config.adaptor_input_dim ?? audio.d_model * config.audio_merge_size;
    return audioLlm(raw, context, {
      class: "MossTranscribeDiarizeModel",
      children: [
        text.backbone,
        whisperEncoder(
          {
            bins: audio.num_mel_bins,
            width: audio.d_model,
            layers: audio.encoder_layers,
            heads: audio.encoder_attention_heads,
            inner: audio.encoder_ffn_dim,
            positions: audio.max_source_positions,
          },
          { name: "whisper_encoder", classes: "Whisper", component: "audio_encoder" },
        ),
        vqAdaptor("vq_adaptor", merged, text.width, ["0", "2", "3"]),
      ],
      text,
      tied: config.tie_word_embeddings,
      merge: { kind: "merge", checked: false, kept: false },
      audio: {
        ...whisperGeometry(
          audio.num_mel_bins,
          audio.max_source_positions,
          { padded: true, tokensFromPadding: false, longer: "batched" },
          [{ kind: "ceil", by: config.audio_merge_size }],
        ),
        framing: [{ kind: "ceil", by: HOP }],
        // vLLM, moss_transcribe_diarize.py: 90 minutes.
        profiled: { seconds: 5400 },
      },
    });
  },
};
