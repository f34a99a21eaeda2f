import { count, dimension, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";
import {
  classifier,
  commonTasks,
  textEncoderFamily,
  USUAL_ENDINGS,
  vocabularyHead,
} from "./text-encoder.ts";
import { encoderFields } from "./text-encoder-config.ts";

/** AlbertConfig (transformers 5.18). */
const read = reader(() => ({
  ...encoderFields({ vocab: 30000, width: 4096, heads: 64, inner: 16384, positions: 512 }),
  embedding_size: or(dimension(), 128),
  num_hidden_groups: or(count(), 1),
  inner_group_num: or(count(), 1),
  type_vocab_size: or(dimension(), 2),
}));
type Config = ReturnType<typeof read>;

/** One layer for each group: the layers of a group are the same tensors, run again. */
function encoder(config: Config, name: string, pooled: boolean): Module {
  const { hidden_size: width, num_attention_heads: heads, intermediate_size: inner } = config;
  const { embedding_size: embedded, max_position_embeddings: positions } = config;
  const table = (own: string, rows: number) => embedding(own, rows, embedded);
  const layer = module(
    "AlbertLayer",
    "albert_layers",
    [
      layerNorm("full_layer_layer_norm", width),
      attention("AlbertAttention", "attention", {
        width,
        heads,
        names: [
          ["q", "query"],
          ["k", "key"],
          ["v", "value"],
          ["o", "dense"],
        ],
        extra: [layerNorm("LayerNorm", width)],
        span: { kind: "full" },
        scores: "scaled-copy",
        cached: false,
      }),
      ...feedForwardPair(width, inner, ["ffn", "ffn_output"]),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [
          { run: "attention" },
          { run: { kind: "feed-forward", width, inner, gated: false } },
        ],
        norms: "after",
      },
    },
  );
  const group = module("AlbertLayerGroup", "albert_layer_groups", [
    stack(upTo(config.inner_group_num), layer),
  ]);
  const buffers = ["position_ids", "token_type_ids"].map(
    (own): DeviceBuffer => ({
      name: own,
      shape: [1, positions],
      dtype: "int64",
      persistent: false,
    }),
  );
  return module(
    "AlbertModel",
    name,
    [
      module(
        "AlbertEmbeddings",
        "embeddings",
        [
          embedding("word_embeddings", config.vocab_size, embedded, {
            component: "embeddings",
            divided: true,
          }),
          table("position_embeddings", positions),
          table("token_type_embeddings", config.type_vocab_size),
          layerNorm("LayerNorm", embedded),
        ],
        { buffers },
      ),
      module(
        "AlbertTransformer",
        "encoder",
        [
          linear("embedding_hidden_mapping_in", embedded, width),
          stack(upTo(config.num_hidden_groups), group),
        ],
        { op: { kind: "tower", side: "encoder", width } },
      ),
      pooled ? linear("pooler", width, width) : undefined,
    ],
    { component: "text_model" },
  );
}

/** The head over the vocabulary, at the width of the tables. */
function predictions({ vocab_size: vocab, embedding_size: embedded, ...config }: Config): Module {
  const tied = config.tie_word_embeddings
    ? { weight: "albert.embeddings.word_embeddings.weight", bias: "predictions.bias" }
    : {};
  return module(
    "AlbertMLMHead",
    "predictions",
    [
      layerNorm("LayerNorm", embedded),
      linear("dense", config.hidden_size, embedded),
      vocabularyHead("decoder", embedded, vocab, tied),
    ],
    { component: "text_model", tensors: [{ name: "bias", shape: [vocab] }] },
  );
}

/** ALBERT (Lan et al. 2019): layers share their tensors. Source: `models/albert/modeling_albert.py`. */
export const albert = textEncoderFamily({
  name: "albert",
  classes: "Albert",
  base: "albert",
  purpose: "text representations and classification",
  architectures: [...USUAL_ENDINGS, "ForPreTraining"],
  pooled: true,
  read(raw, context) {
    const config = read(raw, context);
    evenHeads(config.hidden_size, config.num_attention_heads, "hidden_size", "num_attention_heads");
    return {
      config,
      width: config.hidden_size,
      positions: config.max_position_embeddings,
      hard: true,
      encoder: (name: string, pooled: boolean) => encoder(config, name, pooled),
    };
  },
  tasks: ({ config }) => ({
    ForMaskedLM: { pooled: false, head: () => [predictions(config)] },
    ForPreTraining: {
      pooled: true,
      head: ({ width }) => [
        predictions(config),
        linear("sop_classifier.classifier", width, 2, { component: "lm_head" }),
      ],
    },
    ForSequenceClassification: {
      pooled: true,
      head: ({ width, labels }) => [classifier(width, labels())],
    },
    ...commonTasks(true),
  }),
});
