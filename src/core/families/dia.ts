import { count, dimension, or, positions, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { contextUpTo } from "../model.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { type Family, sectionOf } from "./family.ts";

/** DiaEncoderConfig and DiaDecoderConfig (transformers 5.18). */
const readEncoder = reader(() => ({
  num_hidden_layers: or(count(), 12),
  hidden_size: or(dimension(), 1024),
  num_attention_heads: or(dimension(), 16),
  num_key_value_heads: or(dimension(), 16),
  head_dim: or(dimension(), 128),
  intermediate_size: or(dimension(), 4096),
  vocab_size: or(dimension(), 256),
}));
const readDecoder = reader(() => ({
  max_position_embeddings: or(positions(), 3072),
  num_hidden_layers: or(count(), 18),
  hidden_size: or(dimension(), 2048),
  num_attention_heads: or(dimension(), 16),
  num_key_value_heads: or(dimension(), 4),
  head_dim: or(dimension(), 128),
  intermediate_size: or(dimension(), 8192),
  cross_num_attention_heads: or(dimension(), 16),
  cross_head_dim: or(dimension(), 128),
  cross_num_key_value_heads: or(dimension(), 16),
  cross_hidden_size: or(dimension(), 1024),
  vocab_size: or(dimension(), 1028),
  num_channels: or(count(), 9),
}));

const PROJECTIONS = [
  ["q", "q_proj"],
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["o", "o_proj"],
] as const;

const norm = (name: string, width: number) => rmsNorm(name, width, "DiaRMSNorm");

interface Heads {
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly intermediate_size: number;
}

const selfAttention = (config: Heads, causal: boolean): Module =>
  attention("DiaSelfAttention", "self_attention", {
    width: config.hidden_size,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: config.head_dim,
    bias: false,
    names: PROJECTIONS,
    span: { kind: causal ? "causal" : "full" },
    scores: "fp32-softmax",
    cached: causal,
  });

const feedForward = (config: Heads): Module =>
  gatedFeedForward("DiaMLP", "mlp", config.hidden_size, config.intermediate_size, {
    names: ["gate_up_proj", "down_proj"],
  });

function encoder(config: ReturnType<typeof readEncoder>): Module {
  const width = config.hidden_size;
  const layer = module(
    "DiaEncoderLayer",
    "layers",
    [
      norm("pre_sa_norm", width),
      selfAttention(config, false),
      norm("post_sa_norm", width),
      feedForward(config),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attention" }, { run: "mlp" }] } },
  );
  return module(
    "DiaEncoder",
    "encoder",
    [
      embedding("embedding", config.vocab_size, width, { component: "embeddings", divided: true }),
      stack(upTo(config.num_hidden_layers), layer),
      norm("norm", width),
      rotary("rotary_emb", "DiaRotaryEmbedding", config.head_dim),
    ],
    { component: "encoder", op: { kind: "tower", side: "encoder", width } },
  );
}

function decoder(config: ReturnType<typeof readDecoder>): Module {
  const width = config.hidden_size;
  const layer = module(
    "DiaDecoderLayer",
    "layers",
    [
      selfAttention(config, true),
      attention("DiaCrossAttention", "cross_attention", {
        width,
        heads: config.cross_num_attention_heads,
        kvHeads: config.cross_num_key_value_heads,
        headDim: config.cross_head_dim,
        bias: false,
        names: PROJECTIONS,
        over: "cross",
        sourceWidth: config.cross_hidden_size,
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: true,
      }),
      norm("pre_sa_norm", width),
      norm("pre_ca_norm", width),
      norm("pre_mlp_norm", width),
      feedForward(config),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "self_attention" }, { run: "cross_attention" }, { run: "mlp" }],
      },
    },
  );
  return module(
    "DiaDecoder",
    "decoder",
    [
      module(
        "DiaMultiChannelEmbedding",
        "embeddings",
        [embedding("embed", config.vocab_size * config.num_channels, width, { divided: true })],
        {
          component: "embeddings",
          buffers: [
            { name: "offsets", shape: [config.num_channels], dtype: "int64", persistent: false },
          ],
        },
      ),
      stack(upTo(config.num_hidden_layers), layer),
      norm("norm", width),
      rotary("rotary_emb", "DiaRotaryEmbedding", config.head_dim),
    ],
    { component: "decoder", op: { kind: "tower", side: "decoder", width } },
  );
}

/**
 * Dia (Nari Labs): dialogue from text, as the codes of nine codebooks, each delayed against the one before. The codec
 * (DAC) is a model of its own. Source: `models/dia/modeling_dia.py`.
 */
export const dia: Family = {
  name: "dia",
  modelTypes: ["dia"],
  architectures: ["DiaForConditionalGeneration", "DiaModel"],
  purpose: "dialogue synthesis",
  describe(raw, context) {
    const [encoderRaw, encoderContext] = sectionOf(raw, "encoder_config", context);
    const [decoderRaw, decoderContext] = sectionOf(raw, "decoder_config", context);
    const text = readEncoder(encoderRaw, encoderContext);
    const audio = readDecoder(decoderRaw, decoderContext);
    const groups = [
      ["encoder_config", "", text.num_attention_heads, text.num_key_value_heads],
      ["decoder_config", "", audio.num_attention_heads, audio.num_key_value_heads],
      [
        "decoder_config",
        "cross_",
        audio.cross_num_attention_heads,
        audio.cross_num_key_value_heads,
      ],
    ] as const;
    for (const [section, prefix, heads, kvHeads] of groups) {
      evenHeads(
        heads,
        kvHeads,
        `${section}.${prefix}num_attention_heads`,
        `${section}.${prefix}num_key_value_heads`,
      );
    }
    const model = [encoder(text), decoder(audio)];
    const vocab = audio.num_channels * audio.vocab_size;
    const root =
      context.architecture === "DiaModel"
        ? module("DiaModel", "", model)
        : module("DiaForConditionalGeneration", "", [
            module("DiaModel", "model", model),
            {
              ...linear("logits_dense", audio.hidden_size, vocab, {
                bias: false,
                component: "lm_head",
                divide: { by: "columns" },
              }),
              op: { kind: "head", vocab, positions: "all" },
            },
          ]);
    return {
      type: "text-to-speech",
      root,
      audio: undefined,
      // The text goes to the encoder; the decoder starts from one frame.
      context: { ...contextUpTo(audio.max_position_embeddings), prompt: 1 },
    };
  },
};
