import { SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { labelCount } from "../config/labels.ts";
import { count, dimension, flag, integer, or, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { conv2d } from "../layers/conv.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Family } from "./family.ts";

/** ASTConfig (transformers 5.18). */
const read = reader(() => ({
  hidden_size: or(dimension(), 768),
  num_hidden_layers: or(count(), 12),
  num_attention_heads: or(dimension(), 12),
  intermediate_size: or(dimension(), 3072),
  patch_size: or(dimension(), 16),
  qkv_bias: or(flag(), true),
  frequency_stride: or(integer(1, 1_000_000), 10),
  time_stride: or(integer(1, 1_000_000), 10),
  max_length: or(dimension(), 1024),
  num_mel_bins: or(dimension(), 128),
}));

/** Kaldi's filter banks: 25 ms windows every 10 ms. */
const FRAME = 400;
const HOP = 160;
/** A class token and a distillation token before the patches. */
const TOKENS = 2;

const PROJECTIONS = [
  ["q", "q_proj"],
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["o", "o_proj"],
] as const;

function layer(width: number, heads: number, inner: number, bias: boolean): Module {
  return module(
    "ASTLayer",
    "layers",
    [
      attention("ASTAttention", "attention", {
        width,
        heads,
        names: PROJECTIONS,
        bias: { q: bias, k: bias, v: bias },
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: false,
      }),
      layerNorm("layernorm_before", width),
      layerNorm("layernorm_after", width),
      module("ASTMLP", "mlp", feedForwardPair(width, inner), {
        op: { kind: "feed-forward", width, inner, gated: false },
      }),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "attention" }, { run: "mlp" }] } },
  );
}

/** The audio spectrogram transformer (Gong et al. 2021). Source: `models/audio_spectrogram_transformer/`. */
export const ast: Family = {
  name: "audio-spectrogram-transformer",
  modelTypes: ["audio-spectrogram-transformer"],
  architectures: ["ASTForAudioClassification", "ASTModel"],
  purpose: "audio classification",
  describe(raw, context) {
    const config = read(raw, context);
    const { hidden_size: width, num_attention_heads: heads, patch_size: patch } = config;
    const { num_mel_bins: bins, max_length: frames } = config;
    evenHeads(width, heads, "hidden_size", "num_attention_heads");
    if (patch > bins || patch > frames) {
      throw new InputError(
        "inconsistent",
        `patch_size is ${patch}, more than num_mel_bins ${bins} or max_length ${frames}: correct one of them in the config.`,
        "patch_size",
      );
    }
    const down = Math.floor((bins - patch) / config.frequency_stride) + 1;
    const across = Math.floor((frames - patch) / config.time_stride) + 1;
    const rows = down * across + TOKENS;
    const bare = context.architecture === "ASTModel";
    const encoder = module(
      "ASTModel",
      bare ? "" : "audio_spectrogram_transformer",
      [
        module(
          "ASTEmbeddings",
          "embeddings",
          [
            module("ASTPatchEmbeddings", "patch_embeddings", [
              conv2d("projection", 1, width, patch),
            ]),
          ],
          {
            tensors: [
              { name: "cls_token", shape: [1, 1, width] },
              { name: "distillation_token", shape: [1, 1, width] },
              { name: "position_embeddings", shape: [1, rows, width] },
            ],
          },
        ),
        stack(
          upTo(config.num_hidden_layers),
          layer(width, heads, config.intermediate_size, config.qkv_bias),
        ),
        layerNorm("layernorm", width),
      ],
      { component: "audio_encoder", op: { kind: "tower", side: "encoder", width } },
    );
    const head = () =>
      module(
        "ASTMLPHead",
        "classifier",
        [layerNorm("layernorm", width), linear("dense", width, labelCount(raw, context))],
        { component: "lm_head" },
      );
    return {
      type: "encoder-only",
      root: bare ? encoder : module(context.architecture, "", [encoder, head()]),
      audio: {
        sampleRate: SAMPLE_RATE,
        bins,
        framing: [{ kind: "conv", kernel: FRAME, stride: HOP }],
        encoding: [
          { kind: "conv", kernel: patch, stride: config.time_stride },
          { kind: "scale", by: down, plus: TOKENS },
        ],
        window: {
          samples: FRAME + (frames - 1) * HOP,
          padded: true,
          tokensFromPadding: true,
          longer: "truncated",
        },
        maxPositions: rows,
      },
      context: { max: undefined, hard: false, preset: 0, prompt: undefined },
    };
  },
};
