import { own, type RawConfig, within } from "../config/raw.ts";
import { count, dimension, maybe, or, positions, reader } from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { contextUpTo } from "../model.ts";
import { evenHeads, whisperLayer } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { codecModule } from "./codec.ts";
import { embeddedCodec } from "./codecs.ts";
import { type Context, type Family, sectionOf } from "./family.ts";
import { t5TextEncoder } from "./t5.ts";

/** MusicgenDecoderConfig and MusicgenMelodyDecoderConfig (transformers 5.18). */
const readDecoder = reader(() => ({
  vocab_size: or(dimension(), 2048),
  max_position_embeddings: or(positions(), 2048),
  num_hidden_layers: or(count(), 24),
  ffn_dim: or(dimension(), 4096),
  num_attention_heads: or(dimension(), 16),
  hidden_size: or(dimension(), 1024),
  num_codebooks: or(count(), 4),
  cross_attention_hidden_size: maybe(dimension()),
}));
const readMelody = reader(() => ({ num_chroma: or(dimension(), 12) }));
type Config = ReturnType<typeof readDecoder>;

/** One table and one head for each codebook; a table of sinusoids that is computed, not stored. */
function decoder(classes: string, config: Config, cross: boolean): Module {
  const { hidden_size: width, vocab_size: vocab, num_codebooks: codebooks } = config;
  const layer = whisperLayer(`${classes}DecoderLayer`, `${classes}Attention`, {
    width,
    heads: config.num_attention_heads,
    inner: config.ffn_dim,
    span: { kind: "causal" },
    cross,
    cached: true,
    unbiased: true,
  });
  const layers = module(
    `${classes}Decoder`,
    "decoder",
    [
      stack(
        upTo(codebooks),
        embedding("embed_tokens", vocab + 1, width, { component: "embeddings", divided: true }),
      ),
      module(`${classes}SinusoidalPositionalEmbedding`, "embed_positions", [], {
        buffers: [
          {
            name: "weights",
            shape: [config.max_position_embeddings, width],
            dtype: "model",
            persistent: false,
          },
        ],
      }),
      stack(upTo(config.num_hidden_layers), layer),
      layerNorm("layer_norm", width),
    ],
    { op: { kind: "tower", side: "decoder", width } },
  );
  const heads = linear("lm_heads", width, vocab, {
    bias: false,
    component: "lm_head",
    divide: { by: "columns" },
  });
  return module(
    `${classes}ForCausalLM`,
    "decoder",
    [
      module(`${classes}Model`, "model", [layers]),
      stack(upTo(codebooks), { ...heads, op: { kind: "head", vocab, positions: "all" } }),
    ],
    { component: "decoder" },
  );
}

/** The section of a part that has no default of its own. */
function required(raw: RawConfig, key: string, context: Context): [RawConfig, Context] {
  const [found, inside] = sectionOf(raw, key, context);
  if (own(raw, key) !== undefined && own(raw, key) !== null) return [found, inside];
  throw new InputError(
    "missing-field",
    `${within(context.path, key)} is missing and has no default: add that part's config.`,
    within(context.path, key),
  );
}

/**
 * MusicGen (Copet et al. 2023): T5 reads the description, a decoder writes EnCodec's codebooks, each delayed against the
 * one before. The melody variant puts text and chroma in front of the music instead of attending across.
 * Source: `models/musicgen/modeling_musicgen.py`, `models/musicgen_melody/modeling_musicgen_melody.py`.
 */
const family = (name: string, classes: string, melody: boolean): Family => ({
  name,
  modelTypes: [name],
  architectures: [`${classes}ForConditionalGeneration`],
  purpose: "music from a description",
  describe(raw, context) {
    const [textRaw, textContext] = required(raw, "text_encoder", context);
    const [audioRaw, audioContext] = required(raw, "audio_encoder", context);
    const [decoderRaw, decoderContext] = sectionOf(raw, "decoder", context);
    const config = readDecoder(decoderRaw, decoderContext);
    const width = config.hidden_size;
    evenHeads(
      width,
      config.num_attention_heads,
      "decoder.hidden_size",
      "decoder.num_attention_heads",
    );
    const type = own(textRaw, "model_type");
    if (type !== "t5") {
      throw new InputError(
        "unknown-model-type",
        `text_encoder.model_type is ${type === undefined ? "missing" : shown(type)}, but only t5 is described as a text encoder here.`,
        "text_encoder.model_type",
      );
    }
    const text = t5TextEncoder(textRaw, textContext, "text_encoder");
    const codec = embeddedCodec(audioRaw, audioContext, { streaming: false });
    const project = (own: string, from: number) =>
      linear(own, from, width, { component: "decoder" });
    const chroma = melody ? readMelody(raw, context).num_chroma : width;
    const stated = melody ? undefined : config.cross_attention_hidden_size;
    return {
      type: "text-to-speech",
      root: module(context.architecture, "", [
        module("T5EncoderModel", "text_encoder", text.children, { component: "text_encoder" }),
        codecModule("audio_encoder", codec),
        decoder(classes, config, !melody),
        text.width !== width && stated === undefined
          ? project("enc_to_dec_proj", text.width)
          : undefined,
        chroma !== width ? project("audio_enc_to_dec_proj", chroma) : undefined,
      ]),
      audio: undefined,
      // The description goes to the encoder; the decoder starts from one frame. Sinusoids go on beyond their table.
      context: { ...contextUpTo(config.max_position_embeddings), prompt: 1 },
    };
  },
});

export const musicgen = family("musicgen", "Musicgen", false);
export const musicgenMelody = family("musicgen_melody", "MusicgenMelody", true);
