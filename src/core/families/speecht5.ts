import { sampleGeometry } from "../audio/sample-geometry.ts";
import { type RawConfig, within } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  list,
  or,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import {
  melPostnet,
  melPrenet,
  samplesPrenet,
  speechT5Decoder,
  speechT5Encoder,
  textDecoderPrenet,
  textEncoderPrenet,
} from "../towers/speecht5.ts";
import { evenGroups } from "../towers/wav2vec2.ts";
import { convolutionEntry, sampleConvolutions } from "../towers/wav2vec2-features.ts";
import { evenHeads } from "../towers/whisper.ts";
import { type Module, module } from "../tree/module.ts";
import type { Context, Family } from "./family.ts";
import { maskVector, SEVEN } from "./speech-encoder.ts";

/** SpeechT5Config (transformers 5.18). */
const read = reader(() => ({
  hidden_size: or(dimension(), 768),
  encoder_layers: or(count(), 12),
  encoder_attention_heads: or(dimension(), 12),
  encoder_ffn_dim: or(dimension(), 3072),
  decoder_layers: or(count(), 6),
  decoder_ffn_dim: or(dimension(), 3072),
  decoder_attention_heads: or(dimension(), 12),
  encoder_max_relative_position: or(dimension(), 160),
  max_speech_positions: or(positions(), 4000),
  max_text_positions: or(positions(), 450),
}));
const readSamples = reader(() => ({
  conv_dim: or(list(dimension()), SEVEN.dims),
  conv_kernel: or(list(dimension()), SEVEN.kernels),
  conv_stride: or(list(integer(1, 1_000_000)), SEVEN.strides),
  conv_bias: or(flag(), false),
  feat_extract_norm: or(text(), "group"),
  num_conv_pos_embeddings: or(dimension(), 128),
  num_conv_pos_embedding_groups: or(dimension(), 16),
}));
const readMel = reader(() => ({
  num_mel_bins: or(dimension(), 80),
  speech_decoder_prenet_layers: or(count(), 2),
  speech_decoder_prenet_units: or(dimension(), 256),
  speaker_embedding_dim: or(dimension(), 512),
  speech_decoder_postnet_layers: or(count(), 5),
  speech_decoder_postnet_units: or(dimension(), 256),
  speech_decoder_postnet_kernel: or(dimension(), 5),
  reduction_factor: or(dimension(), 2),
}));
const readText = reader(() => ({ vocab_size: or(dimension(), 81) }));
const readTie = reader(() => ({ tie_word_embeddings: or(flag(), true) }));
const readPadding = reader(() => ({ pad_token_id: or(integer(0, 2 ** 31), 1) }));

/** The decoder starts from one token, or from one silent mel frame. */
const START = 1;

type Sizes = ReturnType<typeof read>;

/** Rows of fairseq's sinusoids, which start after the padding token's. */
const rows = (reach: number, raw: RawConfig, context: Context): number =>
  reach + readPadding(raw, context).pad_token_id + 1;

/** The front end over samples, and what comes with it. */
function samples(raw: RawConfig, context: Context, config: Sizes) {
  const front = readSamples(raw, context);
  const field = (name: string) => within(context.path, name);
  const width = config.hidden_size;
  const groups = front.num_conv_pos_embedding_groups;
  evenGroups(width, groups, field);
  const convolutions = sampleConvolutions(front, field);
  return {
    prenet: samplesPrenet({
      width,
      convolutions,
      kernel: front.num_conv_pos_embeddings,
      groups,
      positions: rows(config.max_speech_positions, raw, context),
      tensors: maskVector(raw, context, width),
    }),
    entry: convolutionEntry(convolutions),
    geometry: {
      ...sampleGeometry(convolutions.kernels, convolutions.strides),
      masked: "summed" as const,
    },
  };
}

/** What surrounds the decoder where it makes mel frames. */
function mel(raw: RawConfig, context: Context, config: Sizes) {
  const sizes = readMel(raw, context);
  const shared = { width: config.hidden_size, bins: sizes.num_mel_bins };
  return {
    prenet: melPrenet({
      ...shared,
      layers: sizes.speech_decoder_prenet_layers,
      units: sizes.speech_decoder_prenet_units,
      speaker: sizes.speaker_embedding_dim,
      positions: config.max_speech_positions,
    }),
    postnet: melPostnet({
      ...shared,
      layers: sizes.speech_decoder_postnet_layers,
      units: sizes.speech_decoder_postnet_units,
      kernel: sizes.speech_decoder_postnet_kernel,
      perStep: sizes.reduction_factor,
    }),
  };
}

function wordHead(raw: RawConfig, context: Context, width: number, vocab: number): Module {
  const tied = readTie(raw, context).tie_word_embeddings;
  return module("SpeechT5TextDecoderPostnet", "text_decoder_postnet", [
    {
      ...linear("lm_head", width, vocab, {
        bias: false,
        component: tied ? "embeddings" : "lm_head",
        divide: { by: "columns" },
        ...(tied && { tiedTo: "speecht5.decoder.prenet.embed_tokens.weight" }),
      }),
      op: { kind: "head", vocab, positions: "all" },
    },
  ]);
}

/**
 * SpeechT5 (Ao et al. 2021): one encoder-decoder with pre- and postnets for speech or text on either side. Its spectrograms
 * need a vocoder, which is a model of its own. Source: transformers 5.18, `models/speecht5/modeling_speecht5.py`.
 */
export const speechT5: Family = {
  name: "speecht5",
  modelTypes: ["speecht5"],
  architectures: [
    "SpeechT5Model",
    "SpeechT5ForSpeechToText",
    "SpeechT5ForTextToSpeech",
    "SpeechT5ForSpeechToSpeech",
  ],
  purpose: "speech recognition, synthesis and conversion",
  describe(raw, context) {
    const config = read(raw, context);
    const { architecture } = context;
    const width = config.hidden_size;
    evenHeads(width, config.encoder_attention_heads, "hidden_size", "encoder_attention_heads");
    evenHeads(width, config.decoder_attention_heads, "hidden_size", "decoder_attention_heads");
    const bare = architecture === "SpeechT5Model";
    const hears = architecture.startsWith("SpeechT5ForSpeech");
    const speaks = architecture.endsWith("ToSpeech");
    const vocab = bare || (hears && speaks) ? 0 : readText(raw, context).vocab_size;
    const heard = hears ? samples(raw, context, config) : undefined;
    const spoken = speaks ? mel(raw, context, config) : undefined;
    const reach = config.max_text_positions;
    const encoderPrenet = bare
      ? undefined
      : (heard?.prenet ?? textEncoderPrenet(vocab, reach, width));
    const decoderPrenet = bare
      ? undefined
      : (spoken?.prenet ?? textDecoderPrenet(vocab, rows(reach, raw, context), width));
    const suffix = (kind: "Speech" | "Text") => (bare ? "WithoutPrenet" : `With${kind}Prenet`);
    const model = module("SpeechT5Model", bare ? "" : "speecht5", [
      module(
        `SpeechT5Encoder${suffix(hears ? "Speech" : "Text")}`,
        "encoder",
        [
          encoderPrenet,
          speechT5Encoder(
            {
              width,
              inner: config.encoder_ffn_dim,
              layers: config.encoder_layers,
              heads: config.encoder_attention_heads,
            },
            config.encoder_max_relative_position,
            heard?.entry,
          ),
        ],
        { component: "encoder" },
      ),
      module(
        `SpeechT5Decoder${suffix(speaks ? "Speech" : "Text")}`,
        "decoder",
        [
          decoderPrenet,
          speechT5Decoder({
            width,
            inner: config.decoder_ffn_dim,
            layers: config.decoder_layers,
            heads: config.decoder_attention_heads,
          }),
        ],
        { component: "decoder" },
      ),
    ]);
    const head = spoken?.postnet ?? (bare ? undefined : wordHead(raw, context, width, vocab));
    const limit = speaks ? config.max_speech_positions : config.max_text_positions;
    return {
      type: speaks && !hears ? "text-to-speech" : "encoder-decoder",
      root: bare ? model : module(architecture, "", [model, head]),
      audio: heard?.geometry,
      ...(!hears && { encoderText: { max: reach } }),
      // The table of scaled sinusoids is fixed; fairseq's grows with the text.
      context: { max: limit, hard: speaks, preset: limit, prompt: START },
    };
  },
};
