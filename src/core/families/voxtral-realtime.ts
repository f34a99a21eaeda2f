import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { layered } from "../config/layered.ts";
import type { RawConfig } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  or,
  orNull,
  positions,
  reader,
} from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { projector } from "../layers/projector.ts";
import { rotary } from "../layers/rotary.ts";
import { causalLm } from "../towers/causal-lm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { melConvolutions, melEntry } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";
import { audioLlm, textPart } from "./audio-llm.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { type Context, type Family, sectionOf } from "./family.ts";

/** VoxtralRealtimeTextConfig (transformers 5.18). */
const readText = reader(() => ({
  ...decoderFields({
    vocab: 32000,
    width: 4096,
    inner: 14336,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 131072,
    tied: false,
  }),
  sliding_window: or(orNull(positions()), 4096),
}));

/** Inner width of the modulation by delay: `nn.Linear(hidden_size, 32)` in VoxtralRealtimeTextAdaRmsNorm. */
const DELAY_WIDTH = 32;

/** Its language model: Mistral's layers, each scaled by how long the text waits for the audio. */
export const voxtralRealtimeText = decoderOnly({
  name: "voxtral_realtime_text",
  modelTypes: ["voxtral_realtime_text"],
  architectures: ["VoxtralRealtimeTextForCausalLM"],
  purpose: "the language model inside Voxtral Realtime",
  build(raw, context, place) {
    const config = readText(raw, context);
    const sizes = decoderSizes(config, context);
    const modulation = module("VoxtralRealtimeTextAdaRmsNorm", "ada_rms_norm", [
      linear("linear1", sizes.width, DELAY_WIDTH, { bias: false }),
      linear("linear2", DELAY_WIDTH, sizes.width, { bias: false }),
    ]);
    return {
      ...causalLm(
        sizes,
        {
          classes: "VoxtralRealtimeText",
          variants: slidingVariants(sizes.layers, config.sliding_window, () => true),
          extra: [modulation],
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});

/** VoxtralRealtimeEncoderConfig. */
const readEncoder = reader(() => ({
  hidden_size: or(dimension(), 1280),
  intermediate_size: or(dimension(), 5120),
  num_hidden_layers: or(count(), 32),
  num_attention_heads: or(dimension(), 32),
  num_mel_bins: or(dimension(), 128),
  sliding_window: or(orNull(positions()), 750),
  head_dim: or(dimension(), 64),
}));

/** Other names that the class takes; keys and values have as many heads as queries. */
const ALIASES = {
  d_model: "hidden_size",
  encoder_layers: "num_hidden_layers",
  encoder_attention_heads: "num_attention_heads",
  encoder_ffn_dim: "intermediate_size",
  num_key_value_heads: "num_attention_heads",
};

type Encoder = ReturnType<typeof readEncoder>;

/** VoxtralRealtimeConfig. */
const read = reader(() => ({
  tie_word_embeddings: or(flag(), true),
  downsample_factor: or(integer(1, 1024), 4),
  audio_length_per_tok: or(integer(1, 1024), 8),
}));

/** VoxtralRealtimeConfig's `_default_text_config_kwargs`. */
const TEXT = {
  vocab_size: 131072,
  hidden_size: 3072,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  head_dim: 128,
  sliding_window: 8192,
};

/**
 * Voxtral Realtime: text and audio advance together, 80 ms a token, so its encoder is causal, slides over the past and
 * keeps a cache of its own. Source: `models/voxtral_realtime/modeling_voxtral_realtime.py`.
 */
export const voxtralRealtime: Family = {
  name: "voxtral_realtime",
  modelTypes: ["voxtral_realtime"],
  architectures: ["VoxtralRealtimeForConditionalGeneration", "VoxtralRealtimeGeneration"],
  purpose: "streaming speech recognition",
  describe(raw, context) {
    const config = read(raw, context);
    const encoder = encoderConfig(raw, context);
    const text = textPart(raw, context, { type: "voxtral_realtime_text", presets: TEXT });
    return audioLlm(raw, context, {
      class: "VoxtralRealtimeModel",
      children: [
        tower(encoder, config.downsample_factor),
        text.backbone,
        projector(
          "VoxtralRealtimeMultiModalProjector",
          "multi_modal_projector",
          encoder.hidden_size * config.downsample_factor,
          [text.width, text.width],
          { bias: false },
        ),
        module("VoxtralRealtimeTimeEmbedding", "time_embedding", [], {
          buffers: [
            {
              name: "inv_freq",
              shape: [Math.floor(text.width / 2)],
              dtype: "fp32",
              persistent: false,
            },
          ],
        }),
      ],
      text,
      tied: config.tie_word_embeddings,
      merge: null,
      // Whole tokens of audio, which are added to the embeddings of as many tokens of text.
      audio: {
        sampleRate: SAMPLE_RATE,
        bins: encoder.num_mel_bins,
        framing: [
          { kind: "ceil", by: HOP * config.audio_length_per_tok },
          { kind: "scale", by: config.audio_length_per_tok },
        ],
        encoding: [{ kind: "floor", by: 2 }],
        pooling: [{ kind: "floor", by: config.downsample_factor }],
        profiled: { seconds: "context" },
      },
    });
  },
};

function encoderConfig(raw: RawConfig, context: Context): Encoder {
  const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
  return readEncoder(layered(audioRaw, audioContext, { aliases: ALIASES }), audioContext);
}

function tower(config: Encoder, perToken: number): Module {
  const { hidden_size: width, num_mel_bins: bins, num_attention_heads: heads } = config;
  const span: Span =
    config.sliding_window === null
      ? { kind: "causal" }
      : { kind: "window", size: config.sliding_window, causal: true };
  const norm = (name: string) => rmsNorm(name, width, "VoxtralRealtimeRMSNorm");
  const layer = module(
    "VoxtralRealtimeEncoderLayer",
    "layers",
    [
      attention("VoxtralRealtimeAttention", "self_attn", {
        width,
        heads,
        headDim: config.head_dim,
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "o_proj"],
        ],
        bias: { k: false },
        span,
        scores: "fp32-softmax",
        cached: true,
        perToken,
      }),
      norm("self_attn_layer_norm"),
      norm("final_layer_norm"),
      gatedFeedForward("VoxtralRealtimeMLP", "mlp", width, config.intermediate_size, {
        downBias: true,
      }),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
  return module(
    "VoxtralRealtimeEncoder",
    "audio_tower",
    [
      module(
        "VoxtralRealtimeEmbedder",
        "embedder",
        [...melConvolutions(bins, width)],
        // Each convolution keeps kernel − stride columns of its input for the next chunk.
        {
          state: {
            kind: "recurrent",
            parts: [
              { name: "conv1", shape: [bins, 2] },
              { name: "conv2", shape: [width, 1] },
            ],
          },
        },
      ),
      stack(upTo(config.num_hidden_layers), layer),
      norm("norm"),
      rotary("rotary_emb", "VoxtralRealtimeRotaryEmbedding", config.head_dim),
    ],
    {
      component: "audio_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        rotary: config.head_dim,
        entry: melEntry(bins, width),
      },
    },
  );
}
