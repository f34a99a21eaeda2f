import { SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { count, dimension, flag, list, or, positions, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { seq2seqLayer, sinusoids } from "../towers/seq2seq-layer.ts";
import { runsOf } from "../towers/wav2vec2-features.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Family } from "./family.ts";

/** Speech2TextConfig's fields and defaults (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 10_000),
  encoder_layers: or(count(), 12),
  encoder_ffn_dim: or(dimension(), 2048),
  encoder_attention_heads: or(dimension(), 4),
  decoder_layers: or(count(), 6),
  decoder_ffn_dim: or(dimension(), 2048),
  decoder_attention_heads: or(dimension(), 4),
  d_model: or(dimension(), 256),
  max_source_positions: or(positions(), 6000),
  max_target_positions: or(positions(), 1024),
  num_conv_layers: or(count(), 2),
  conv_kernel_sizes: or(list(dimension()), [5, 5]),
  conv_channels: or(dimension(), 1024),
  input_feat_per_channel: or(dimension(), 80),
  input_channels: or(dimension(), 1),
  tie_word_embeddings: or(flag(), true),
}));

/** Kaldi's filter banks as `feature_extraction_speech_to_text.py` calls them: 25 ms windows every 10 ms, none padded. */
const FRAME = 400;
const HOP = 160;
/** The decoder starts from one token. */
const START = 1;

function layer(
  side: "Encoder" | "Decoder",
  { width, heads, inner }: { width: number; heads: number; inner: number },
): Module {
  const cross = side === "Decoder";
  return seq2seqLayer(`Speech2Text${side}Layer`, "Speech2TextAttention", {
    width,
    heads,
    span: { kind: cross ? "causal" : "full" },
    cross,
    feedForward: feedForwardPair(width, inner),
    run: { kind: "feed-forward", width, inner, gated: false },
    norms: "before",
    attention: { always: "eager" },
  });
}

/** S2T (Wang et al. 2020). Source: transformers 5.18, `models/speech_to_text/modeling_speech_to_text.py`. */
export const speechToText: Family = {
  name: "speech_to_text",
  modelTypes: ["speech_to_text"],
  architectures: ["Speech2TextForConditionalGeneration", "Speech2TextModel"],
  purpose: "speech recognition and translation",
  describe(raw, context) {
    const config = read(raw, context);
    const { d_model: width, conv_kernel_sizes: kernels, conv_channels: channels } = config;
    const { num_conv_layers: convolutions, vocab_size: vocab } = config;
    evenHeads(width, config.encoder_attention_heads, "d_model", "encoder_attention_heads");
    evenHeads(width, config.decoder_attention_heads, "d_model", "decoder_attention_heads");
    if (kernels.length !== convolutions) {
      throw new InputError(
        "inconsistent",
        `conv_kernel_sizes has ${kernels.length} entries, but num_conv_layers is ${convolutions}: correct one of them in the config.`,
        "conv_kernel_sizes",
      );
    }
    const bins = config.input_feat_per_channel * config.input_channels;
    // Gated linear units halve each convolution's channels.
    const outputs = kernels.map((_, i) => (i < convolutions - 1 ? channels : 2 * width));
    const subsampler = module(
      "Conv1dSubsampler",
      "conv",
      runsOf(
        kernels.map((kernel, i) => ({
          ...conv1d(
            "conv_layers",
            i === 0 ? bins : Math.floor(channels / 2),
            outputs[i] ?? 1,
            kernel,
          ),
        })),
      ),
    );
    const table = (reach: number) =>
      sinusoids("Speech2TextSinusoidalPositionalEmbedding", "embed_positions", reach, width);
    const encoder = module(
      "Speech2TextEncoder",
      "encoder",
      [
        subsampler,
        table(config.max_source_positions),
        stack(
          upTo(config.encoder_layers),
          layer("Encoder", {
            width,
            heads: config.encoder_attention_heads,
            inner: config.encoder_ffn_dim,
          }),
        ),
        layerNorm("layer_norm", width),
      ],
      {
        component: "audio_encoder",
        op: {
          kind: "tower",
          side: "encoder",
          width,
          // fairseq's sinusoids are looked up for every sequence.
          held: 2,
          entry: {
            kind: "conv-front-end",
            bins,
            width: channels,
            strides: kernels.map(() => 2),
            widths: outputs,
          },
        },
      },
    );
    const decoder = module(
      "Speech2TextDecoder",
      "decoder",
      [
        embedding("embed_tokens", vocab, width, { component: "embeddings", divided: true }),
        table(config.max_target_positions),
        stack(
          upTo(config.decoder_layers),
          layer("Decoder", {
            width,
            heads: config.decoder_attention_heads,
            inner: config.decoder_ffn_dim,
          }),
        ),
        layerNorm("layer_norm", width),
      ],
      { component: "decoder", op: { kind: "tower", side: "decoder", width } },
    );
    const tied = config.tie_word_embeddings;
    const bare = context.architecture === "Speech2TextModel";
    const model = module("Speech2TextModel", bare ? "" : "model", [encoder, decoder]);
    const head: Module = {
      ...linear("lm_head", width, vocab, {
        bias: false,
        component: tied ? "embeddings" : "lm_head",
        divide: { by: "columns" },
        ...(tied && { tiedTo: "model.decoder.embed_tokens.weight" }),
      }),
      op: { kind: "head", vocab, positions: "all" },
    };
    return {
      type: "encoder-decoder",
      root: bare ? model : module(context.architecture, "", [model, head]),
      audio: {
        sampleRate: SAMPLE_RATE,
        bins,
        masked: true,
        framing: [{ kind: "conv", kernel: FRAME, stride: HOP }],
        encoding: kernels.map((kernel) => ({
          kind: "conv",
          kernel,
          stride: 2,
          padding: Math.floor(kernel / 2),
        })),
      },
      context: {
        max: config.max_target_positions,
        hard: false,
        preset: config.max_target_positions,
        prompt: START,
      },
    };
  },
};
