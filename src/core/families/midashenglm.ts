import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import {
  count,
  decimal,
  dimension,
  flag,
  integer,
  oneOrMany,
  or,
  orNull,
  reader,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { conv } from "../layers/conv.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { batchNorm, layerNorm } from "../layers/norm.ts";
import { projector } from "../layers/projector.ts";
import { contextUpTo } from "../model.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { textPart } from "./audio-llm.ts";
import { type Family, sectionOf, statedDtype } from "./family.ts";

const side = () => integer(1, 100_000);
/** One number for both sides of a patch, or one each: frequency, time. */
const pair = () => oneOrMany(side(), "a whole number or a list of two");

/** DashengConfig (vLLM, `transformers_utils/configs/midashenglm.py`, after mispeech/midashenglm-7b). */
const readEncoder = reader(() => ({
  embed_dim: or(dimension(), 768),
  patch_size: or(pair(), 16),
  patch_stride: or(pair(), 16),
  input_channels: or(dimension(), 1),
  target_length: or(dimension(), 1012),
  depth: or(count(), 12),
  num_heads: or(dimension(), 12),
  mlp_ratio: or(decimal(), 4),
  qkv_bias: or(flag(), true),
  init_values: or(orNull(decimal()), null),
  n_mels: or(dimension(), 64),
  hop_length: or(side(), HOP),
  sample_rate: or(side(), SAMPLE_RATE),
}));

type Encoder = ReturnType<typeof readEncoder>;

/** MiDashengLMConfig. */
const read = reader(() => ({ subsample_factor: or(integer(1, 1024), 5) }));

/** Qwen2_5OmniTextConfig (transformers 5.18): a Qwen2. */
const TEXT = {
  vocab_size: 152064,
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  max_position_embeddings: 32768,
};

/** Positions of time in one stretch that the encoder sees at once: `target_length // 4`, whatever the patch. */
const STRETCH = 4;

/**
 * MiDashengLM: Dasheng's vision-transformer-like encoder over patches of the spectrogram, five positions to a token, and
 * Qwen2.5. Source: vLLM, `model_executor/models/midashenglm.py`.
 */
export const midashengLm: Family = {
  name: "midashenglm",
  modelTypes: ["midashenglm"],
  architectures: ["MiDashengLMModel"],
  purpose: "chat about speech, sound and music",
  describe(raw, context) {
    const { subsample_factor: factor } = read(raw, context);
    const encoder = readEncoder(...sectionOf(raw, "audio_encoder_config", context));
    const at = "audio_encoder_config";
    evenHeads(encoder.embed_dim, encoder.num_heads, `${at}.embed_dim`, `${at}.num_heads`);
    const patch = sides(encoder.patch_size, `${at}.patch_size`);
    const stride = sides(encoder.patch_stride, `${at}.patch_stride`);
    const text = textPart(raw, context, {
      type: "qwen2",
      fixed: { model_type: "qwen2" },
      presets: TEXT,
      place: { backbone: "decoder.model", head: "decoder.lm_head" },
    });
    const width = text.width;
    const rows = Math.max(1, Math.floor((encoder.n_mels - patch[0]) / stride[0]) + 1);
    return {
      type: "audio-llm",
      root: module(
        context.architecture,
        "",
        [
          tower(encoder, patch, stride),
          projector(
            "AudioProjectorSubsample",
            "audio_projector",
            factor * encoder.embed_dim,
            [width, width],
            {
              names: ["net.0", "net.2"],
            },
          ),
          module("Qwen2ForCausalLM", "decoder", [text.backbone, text.head]),
        ],
        { op: { kind: "merge", checked: false, kept: false } },
      ),
      dtype: statedDtype(raw) ?? text.dtype,
      audio: {
        sampleRate: encoder.sample_rate,
        bins: encoder.n_mels,
        framing: [
          { kind: "floor", by: encoder.hop_length },
          { kind: "scale", by: 1, plus: 1 },
        ],
        encoding: [
          { kind: "conv", kernel: patch[1], stride: stride[1] },
          { kind: "scale", by: rows },
        ],
        pooling: [{ kind: "floor", by: factor }],
        // vLLM, midashenglm.py: a dummy of 10 s.
        profiled: { seconds: 10 },
      },
      context: contextUpTo(text.maxPositions),
    };
  },
};

type Sides = readonly [frequency: number, time: number];

function sides(given: number | readonly number[], field: string): Sides {
  if (typeof given === "number") return [given, given];
  const [frequency, time] = given;
  if (frequency === undefined || time === undefined || given.length > 2) {
    throw new InputError(
      "out-of-range",
      `${field} has ${given.length} numbers, but must be one number or two: correct it in the config.`,
      field,
    );
  }
  return [frequency, time];
}

function tower(config: Encoder, patch: Sides, stride: Sides): Module {
  const { embed_dim: width, num_heads: heads, n_mels: bins } = config;
  const columns = Math.floor(config.target_length / stride[1]);
  const rows = Math.floor(bins / stride[0]);
  const scale = (name: string): readonly Module[] =>
    config.init_values
      ? [module("LayerScale", name, [], { tensors: [{ name: "gamma", shape: [width] }] })]
      : [];
  const block = module(
    "DashengBlock",
    "blocks",
    [
      layerNorm("norm1", width),
      attention("DashengAttention", "attn", {
        width,
        heads,
        names: [
          ["qkv", "qkv"],
          ["o", "proj"],
        ],
        bias: { qkv: config.qkv_bias },
        span: {
          kind: "chunk",
          size: Math.max(1, Math.floor(config.target_length / STRETCH) * rows),
          causal: false,
        },
        scores: "scaled-copy",
        cached: false,
      }),
      ...scale("ls1"),
      layerNorm("norm2", width),
      plainFeedForward("DashengMlp", "mlp", width, Math.floor(width * config.mlp_ratio)),
      ...scale("ls2"),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "attn" }, { run: "mlp" }] } },
  );
  return module(
    "DashengAudioTransformer",
    "audio_encoder",
    [
      batchNorm("init_bn", bins, "BatchNorm2d"),
      module("AudioPatchEmbed", "patch_embed", [conv("proj", config.input_channels, width, patch)]),
      stack(upTo(config.depth), block),
      layerNorm("norm", width),
    ],
    {
      component: "audio_encoder",
      tensors: [
        { name: "time_pos_embed", shape: [1, width, 1, columns] },
        { name: "freq_pos_embed", shape: [1, width, rows, 1] },
      ],
      op: { kind: "tower", side: "encoder", width },
    },
  );
}
