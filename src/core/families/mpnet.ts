import { dimension, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { type BertLayerOptions, splitFeedForward, splitLayerOp } from "../towers/bert.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { commonTasks, textEncoderFamily, USUAL_ENDINGS } from "./text-encoder.ts";
import { BASE, encoderFields } from "./text-encoder-config.ts";
import { denseClassifier, robertaHead } from "./text-heads.ts";

/** MPNetConfig (transformers 5.18). */
const read = reader(() => ({
  ...encoderFields({ ...BASE, vocab: 30527 }),
  relative_attention_num_buckets: or(dimension(), 32),
}));
type Config = ReturnType<typeof read>;

/** Positions are counted from behind the padding index, as in RoBERTa. */
const RESERVED_POSITIONS = 2;

function encoder(config: Config, name: string, pooled: boolean): Module {
  const { hidden_size: width, num_attention_heads: heads, intermediate_size: inner } = config;
  const positions = config.max_position_embeddings;
  const split: BertLayerOptions = {
    classes: "MPNet",
    width,
    inner,
    heads,
    scores: "scaled-copy",
    norms: "after",
  };
  const { op, ...attend } = attention("MPNetSelfAttention", "attn", {
    width,
    heads,
    names: [
      ["q", "q"],
      ["k", "k"],
      ["v", "v"],
      ["o", "o"],
    ],
    span: { kind: "full" },
    scores: "scaled-copy",
    cached: false,
  });
  const layer = module(
    "MPNetLayer",
    "layer",
    [
      module(
        "MPNetAttention",
        "attention",
        [attend, layerNorm("LayerNorm", width)],
        op?.kind === "attention" ? { op: { ...op, relative: { kind: "bias" } } } : {},
      ),
      ...splitFeedForward(split),
    ],
    { op: splitLayerOp(split) },
  );
  return module(
    "MPNetModel",
    name,
    [
      module(
        "MPNetEmbeddings",
        "embeddings",
        [
          embedding("word_embeddings", config.vocab_size, width, {
            component: "embeddings",
            divided: true,
          }),
          embedding("position_embeddings", positions, width),
          layerNorm("LayerNorm", width),
        ],
        {
          buffers: [
            { name: "position_ids", shape: [1, positions], dtype: "int64", persistent: false },
          ],
        },
      ),
      module(
        "MPNetEncoder",
        "encoder",
        [
          stack(upTo(config.num_hidden_layers), layer),
          embedding("relative_attention_bias", config.relative_attention_num_buckets, heads),
        ],
        { op: { kind: "tower", side: "encoder", width } },
      ),
      pooled ? module("MPNetPooler", "pooler", [linear("dense", width, width)]) : undefined,
    ],
    { component: "text_model" },
  );
}

/** MPNet (Song et al. 2020): relative positions in one table for all layers. Source: `models/mpnet/modeling_mpnet.py`. */
export const mpnet = textEncoderFamily({
  name: "mpnet",
  classes: "MPNet",
  base: "mpnet",
  purpose: "text representations and classification",
  architectures: USUAL_ENDINGS,
  pooled: true,
  read(raw, context) {
    const config = read(raw, context);
    evenHeads(config.hidden_size, config.num_attention_heads, "hidden_size", "num_attention_heads");
    return {
      config,
      width: config.hidden_size,
      positions: Math.max(1, config.max_position_embeddings - RESERVED_POSITIONS),
      hard: true,
      encoder: (name: string, pooled: boolean) => encoder(config, name, pooled),
    };
  },
  tasks: ({ config: { vocab_size: vocab, tie_word_embeddings: tied } }) => ({
    ForMaskedLM: {
      pooled: false,
      head: ({ width }) => [
        robertaHead("MPNetLMHead", width, vocab, tied, "mpnet.embeddings.word_embeddings.weight"),
      ],
    },
    ForSequenceClassification: {
      pooled: false,
      head: ({ width, labels }) => [denseClassifier("MPNetClassificationHead", width, labels())],
    },
    ...commonTasks(true),
  }),
});
