import { dimension, flag, or, reader } from "../config/schema.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { contextUpTo } from "../model.ts";
import { moshiLayer } from "../towers/moshi.ts";
import { upTo } from "../tree/indices.ts";
import { keptIn } from "../tree/keep.ts";
import { module, stack } from "../tree/module.ts";
import { codecModule } from "./codec.ts";
import { embeddedCodec } from "./codecs.ts";
import { type Family, sectionOf } from "./family.ts";
import { moshiFields, moshiSizes } from "./moshi-config.ts";

/** KyutaiSpeechToTextConfig (transformers 5.18). */
const read = reader(() => ({
  ...moshiFields({
    vocab: 4001,
    width: 2048,
    layers: 48,
    heads: 32,
    inner: 11264,
    window: 375,
    codebooks: 32,
  }),
  codebook_vocab_size: or(dimension(), 2049),
  tie_word_embeddings: or(flag(), false),
}));

/**
 * Kyutai's streaming speech recognition: every step of the language model takes the codes of one frame of audio and the
 * last text token, summed. The codec stays in fp32 and keeps its own cache while it encodes.
 * Source: `models/kyutai_speech_to_text/modeling_kyutai_speech_to_text.py`.
 */
export const kyutaiSpeechToText: Family = {
  name: "kyutai_speech_to_text",
  modelTypes: ["kyutai_speech_to_text"],
  architectures: ["KyutaiSpeechToTextForConditionalGeneration"],
  purpose: "streaming speech recognition",
  describe(raw, context) {
    const config = read(raw, context);
    const classes = "KyutaiSpeechToText";
    const sizes = moshiSizes(classes, config, context);
    const { width } = sizes;
    const { vocab_size: vocab, num_codebooks: codebooks, tie_word_embeddings: tied } = config;
    const [codecRaw, codecContext] = sectionOf(raw, "codec_config", context);
    const codec = embeddedCodec(codecRaw, codecContext, { streaming: true }, "mimi");
    const rows = vocab + codebooks * config.codebook_vocab_size + 1;
    const tokens = module(
      `${classes}Embeddings`,
      "embed_tokens",
      [embedding("embed_tokens", rows, width, { divided: true })],
      {
        component: "embeddings",
        buffers: [
          {
            name: "audio_tokens_offsets",
            shape: [codebooks + 1],
            dtype: "int64",
            persistent: false,
          },
        ],
      },
    );
    const root = module(context.architecture, "", [
      module(
        `${classes}Model`,
        "model",
        [
          tokens,
          stack(upTo(config.num_hidden_layers), moshiLayer(sizes)),
          rmsNorm("norm", width, `${classes}RMSNorm`),
        ],
        { component: "text_model", op: { kind: "tower", side: "decoder", width } },
      ),
      {
        ...linear("lm_head", width, vocab, {
          bias: false,
          component: tied ? "embeddings" : "lm_head",
          divide: { by: "columns" },
          ...(tied && { tiedTo: "model.embed_tokens.embed_tokens.weight" }),
        }),
        op: { kind: "head", vocab, positions: "last" },
      },
      keptIn("fp32", codecModule("codec_model", codec)),
    ]);
    return {
      type: "audio-llm",
      root,
      audio: { ...codec.geometry, pooling: codec.thinning ?? [] },
      // The window slides, so `max_position_embeddings` is no limit.
      context: { ...contextUpTo(undefined), prompt: 1 },
    };
  },
};
