import { within } from "../config/raw.ts";
import { count, dimension, flag, integer, maybe, or, positions, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { contextUpTo } from "../model.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { keptIn } from "../tree/keep.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { codecModule } from "./codec.ts";
import { embeddedCodec } from "./codecs.ts";
import { type Family, sectionOf } from "./family.ts";

/** KyutaiSpeechToTextConfig (transformers 5.18). */
const read = reader(() => ({
  codebook_vocab_size: or(dimension(), 2049),
  vocab_size: or(dimension(), 4001),
  hidden_size: or(dimension(), 2048),
  num_hidden_layers: or(count(), 48),
  num_attention_heads: or(dimension(), 32),
  num_key_value_heads: maybe(dimension()),
  head_dim: maybe(dimension()),
  sliding_window: or(positions(), 375),
  ffn_dim: or(integer(2, 2 ** 24), 11264),
  num_codebooks: or(count(), 32),
  tie_word_embeddings: or(flag(), false),
}));
type Config = ReturnType<typeof read>;

const PROJECTIONS = [
  ["q", "q_proj.linear"],
  ["k", "k_proj.linear"],
  ["v", "v_proj.linear"],
  ["o", "o_proj.linear"],
] as const;

/** The backbone of Moshi: RMS norms, a sliding window, and rotary tables in every layer. */
function layer(config: Config): Module {
  const { hidden_size: width, num_attention_heads: heads } = config;
  const headDim = config.head_dim ?? Math.floor(width / heads);
  const own = "KyutaiSpeechToText";
  return module(
    `${own}DecoderLayer`,
    "layers",
    [
      attention(`${own}Attention`, "self_attn", {
        width,
        heads,
        kvHeads: config.num_key_value_heads ?? heads,
        headDim,
        bias: false,
        names: PROJECTIONS,
        extra: [rotary("rotary_emb", `${own}RotaryEmbedding`, headDim)],
        span: { kind: "window", size: config.sliding_window, causal: true },
        scores: "fp32-softmax",
        cached: true,
      }),
      gatedFeedForward(`${own}GatingMLP`, "mlp", width, Math.floor(config.ffn_dim / 2), {
        names: ["fc1", "fc2"],
      }),
      rmsNorm("input_layernorm", width, `${own}RMSNorm`),
      rmsNorm("post_attention_layernorm", width, `${own}RMSNorm`),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
}

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
    const field = (name: string) => within(context.path, name);
    const { hidden_size: width, num_attention_heads: heads, vocab_size: vocab } = config;
    evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
    evenHeads(
      heads,
      config.num_key_value_heads ?? heads,
      field("num_attention_heads"),
      field("num_key_value_heads"),
    );
    if (config.ffn_dim % 2 !== 0) {
      throw new InputError(
        "inconsistent",
        `${field("ffn_dim")} is ${config.ffn_dim}, but must be even, because one half gates the other: correct it in the config.`,
        field("ffn_dim"),
      );
    }
    const [codecRaw, codecContext] = sectionOf(raw, "codec_config", context);
    const codec = embeddedCodec(codecRaw, codecContext, { streaming: true }, "mimi");
    const tied = config.tie_word_embeddings;
    const rows = vocab + config.num_codebooks * config.codebook_vocab_size + 1;
    const root = module(context.architecture, "", [
      module(
        "KyutaiSpeechToTextModel",
        "model",
        [
          module(
            "KyutaiSpeechToTextEmbeddings",
            "embed_tokens",
            [embedding("embed_tokens", rows, width, { divided: true })],
            {
              component: "embeddings",
              buffers: [
                {
                  name: "audio_tokens_offsets",
                  shape: [config.num_codebooks + 1],
                  dtype: "int64",
                  persistent: false,
                },
              ],
            },
          ),
          stack(upTo(config.num_hidden_layers), layer(config)),
          rmsNorm("norm", width, "KyutaiSpeechToTextRMSNorm"),
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
