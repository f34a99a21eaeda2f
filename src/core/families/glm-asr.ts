import { CHUNK, HOP, SAMPLE_RATE, WHISPER_CONVOLUTIONS } from "../audio/whisper-geometry.ts";
import type { RawConfig } from "../config/raw.ts";
import { rotatedWidth } from "../config/rope.ts";
import { count, dimension, flag, maybe, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { projector } from "../layers/projector.ts";
import { rotary } from "../layers/rotary.ts";
import { melConvolutions, melEntry } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { audioLlm, textPart } from "./audio-llm.ts";
import { groupedHeads } from "./decoder-config.ts";
import { type Context, type Family, sectionOf } from "./family.ts";

/** GlmAsrEncoderConfig (transformers 5.18). */
const readEncoder = reader(() => ({
  hidden_size: or(dimension(), 1280),
  intermediate_size: or(dimension(), 5120),
  num_hidden_layers: or(count(), 32),
  num_attention_heads: or(dimension(), 20),
  num_key_value_heads: maybe(dimension()),
  head_dim: maybe(dimension()),
  num_mel_bins: or(dimension(), 128),
}));

/** GlmAsrConfig. */
const read = reader(() => ({ tie_word_embeddings: or(flag(), true) }));

/** GlmAsrConfig's `_default_text_config_kwargs`. */
const TEXT = {
  vocab_size: 59264,
  hidden_size: 2048,
  intermediate_size: 6144,
  num_hidden_layers: 28,
  num_attention_heads: 16,
  num_key_value_heads: 4,
  max_position_embeddings: 8192,
};

/** GlmAsrEncoderConfig: `kwargs.setdefault("partial_rotary_factor", 0.5)`. */
const TURNED = 0.5;
/** GlmAsrProcessor: max_audio_len 655 s, of which whole windows of 30 s are kept. */
const MAX_SAMPLES = Math.floor(655 / 30) * CHUNK;
/** GlmAsrProcessor and GlmAsrModel: merge_factor. */
const MERGED = 4;

/**
 * GLM-ASR: Whisper's layout with rotary positions in place of the table, four positions to a token, and a Llama.
 * Source: `models/glmasr/modeling_glmasr.py`.
 */
export const glmAsr: Family = {
  name: "glmasr",
  modelTypes: ["glmasr"],
  architectures: ["GlmAsrForConditionalGeneration"],
  purpose: "speech recognition",
  describe(raw, context) {
    const config = read(raw, context);
    const [audioRaw, audioContext] = sectionOf(raw, "audio_config", context);
    const encoder = readEncoder(audioRaw, audioContext);
    const text = textPart(raw, context, { type: "llama", presets: TEXT });
    return audioLlm(raw, context, {
      class: "GlmAsrModel",
      children: [
        tower(encoder, audioRaw, audioContext),
        text.backbone,
        projector("GlmAsrMultiModalProjector", "multi_modal_projector", encoder.intermediate_size, [
          2 * text.width,
          text.width,
        ]),
      ],
      text,
      tied: config.tie_word_embeddings,
      audio: {
        sampleRate: SAMPLE_RATE,
        bins: encoder.num_mel_bins,
        // The mask of the padded window counts a begun frame as a frame.
        framing: [{ kind: "ceil", by: HOP }],
        encoding: WHISPER_CONVOLUTIONS,
        pooling: [{ kind: "floor", by: MERGED }],
        window: { samples: CHUNK, padded: true, tokensFromPadding: false, longer: "batched" },
        maxSamples: MAX_SAMPLES,
      },
    });
  },
};

function tower(config: ReturnType<typeof readEncoder>, raw: RawConfig, context: Context): Module {
  const { hidden_size: width, num_attention_heads: heads, num_mel_bins: bins } = config;
  const kvHeads = groupedHeads(heads, config.num_key_value_heads ?? heads, context);
  const headDim = config.head_dim ?? Math.floor(width / heads);
  const turned = rotatedWidth(raw, context, headDim, TURNED);
  const layer = module(
    "GlmAsrEncoderLayer",
    "layers",
    [
      attention("GlmAsrAttention", "self_attn", {
        width,
        heads,
        kvHeads,
        headDim,
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "o_proj"],
        ],
        bias: { k: false },
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: false,
      }),
      plainFeedForward("GlmAsrMLP", "mlp", width, config.intermediate_size),
      layerNorm("input_layernorm", width),
      layerNorm("post_attention_layernorm", width),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
  return module(
    "GlmAsrEncoder",
    "audio_tower",
    [
      ...melConvolutions(bins, width),
      stack(upTo(config.num_hidden_layers), layer),
      layerNorm("norm", width),
      rotary("rotary_emb", "GlmAsrRotaryEmbedding", turned),
    ],
    {
      component: "audio_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        rotary: turned,
        entry: melEntry(bins, width),
      },
    },
  );
}
