import { own, type RawConfig } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  reader,
  text,
} from "../config/schema.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { disentangledEncoder } from "../towers/disentangled.ts";
import { evenHeads } from "../towers/whisper.ts";
import { type Module, module } from "../tree/module.ts";
import type { Context } from "./family.ts";
import {
  classifier,
  commonTasks,
  textEncoderFamily,
  USUAL_ENDINGS,
  vocabularyHead,
} from "./text-encoder.ts";

/** DebertaV2Config, and fields that only the model looks for (transformers 5.18). */
const readFields = reader(() => ({
  vocab_size: or(dimension(), 128100),
  hidden_size: or(dimension(), 1536),
  num_hidden_layers: or(count(), 24),
  num_attention_heads: or(dimension(), 24),
  intermediate_size: or(dimension(), 6144),
  max_position_embeddings: or(dimension(), 512),
  type_vocab_size: or(count(0), 0),
  relative_attention: or(flag(), false),
  max_relative_positions: or(integer(-1, 2 ** 24), -1),
  position_biased_input: or(flag(), true),
  legacy: or(flag(), true),
  tie_word_embeddings: or(flag(), true),
  position_buckets: or(integer(-1, 2 ** 24), -1),
  share_att_key: or(flag(), false),
  norm_rel_ebd: or(text(), "none"),
  conv_kernel_size: or(count(0), 0),
  conv_groups: maybe(dimension()),
  embedding_size: maybe(dimension()),
  pooler_hidden_size: maybe(dimension()),
}));
const readList = reader(() => ({ pos_att_type: or(list(text()), []) }));

function read(raw: RawConfig, context: Context) {
  const config = readFields(raw, context);
  const kinds = own(raw, "pos_att_type");
  const split = typeof kinds === "string" ? kinds.toLowerCase().split("|") : undefined;
  return {
    ...config,
    pos_att_type: split?.map((kind) => kind.trim()) ?? readList(raw, context).pos_att_type,
  };
}
type Config = ReturnType<typeof read>;

function encoder(config: Config, name: string): Module {
  const width = config.hidden_size;
  const embedded = config.embedding_size ?? width;
  const positions = config.max_position_embeddings;
  return module(
    "DebertaV2Model",
    name,
    [
      module(
        "DebertaV2Embeddings",
        "embeddings",
        [
          embedding("word_embeddings", config.vocab_size, embedded, {
            component: "embeddings",
            divided: true,
          }),
          config.position_biased_input
            ? embedding("position_embeddings", positions, embedded)
            : undefined,
          config.type_vocab_size > 0
            ? embedding("token_type_embeddings", config.type_vocab_size, embedded)
            : undefined,
          embedded === width ? undefined : linear("embed_proj", embedded, width, { bias: false }),
          layerNorm("LayerNorm", width),
        ],
        {
          buffers: [
            { name: "position_ids", shape: [1, positions], dtype: "int64", persistent: false },
          ],
        },
      ),
      disentangledEncoder(config, {
        classes: "DebertaV2",
        class: "DebertaV2Encoder",
        width,
        inner: config.intermediate_size,
        layers: config.num_hidden_layers,
        heads: config.num_attention_heads,
      }),
    ],
    { component: "text_model" },
  );
}

/** The head over the vocabulary: an older one with a matrix of its own, or one that multiplies by the token table itself. */
function predictions(config: Config): Module {
  const { hidden_size: width, vocab_size: vocab } = config;
  const bias = { tensors: [{ name: "bias", shape: [vocab] }] };
  if (!config.legacy) {
    const parts = [linear("dense", width, width), layerNorm("LayerNorm", width)];
    const table = {
      name: "weight",
      shape: [vocab, config.embedding_size ?? width],
      tiedTo: "deberta.embeddings.word_embeddings.weight",
    };
    const tensors = config.tie_word_embeddings ? [...bias.tensors, table] : bias.tensors;
    return module(
      "DebertaV2OnlyMLMHead",
      "lm_predictions",
      [module("DebertaV2LMPredictionHead", "lm_head", parts, { tensors })],
      { component: "lm_head" },
    );
  }
  const embedded = config.embedding_size ?? width;
  const tied = config.tie_word_embeddings
    ? { weight: "deberta.embeddings.word_embeddings.weight", bias: "cls.predictions.bias" }
    : {};
  return module(
    "LegacyDebertaV2OnlyMLMHead",
    "cls",
    [
      module(
        "LegacyDebertaV2LMPredictionHead",
        "predictions",
        [
          module("LegacyDebertaV2PredictionHeadTransform", "transform", [
            linear("dense", width, embedded),
            layerNorm("LayerNorm", embedded),
          ]),
          vocabularyHead("decoder", embedded, vocab, tied),
        ],
        bias,
      ),
    ],
    { component: "text_model" },
  );
}

/** DeBERTa 2 and 3 (He et al. 2020, 2021). Source: `models/deberta_v2/modeling_deberta_v2.py`. */
export const debertaV2 = textEncoderFamily({
  name: "deberta-v2",
  classes: "DebertaV2",
  base: "deberta",
  purpose: "text representations and classification",
  architectures: USUAL_ENDINGS,
  pooled: false,
  read(raw, context) {
    const config = read(raw, context);
    evenHeads(config.hidden_size, config.num_attention_heads, "hidden_size", "num_attention_heads");
    return {
      config,
      width: config.hidden_size,
      positions: config.max_position_embeddings,
      hard: config.position_biased_input,
      encoder: (name: string) => encoder(config, name),
    };
  },
  tasks({ config }) {
    const size = config.pooler_hidden_size ?? config.hidden_size;
    const pooled = (labels: number): Module[] => [
      module("ContextPooler", "pooler", [linear("dense", size, size)], { component: "text_model" }),
      classifier(size, labels),
    ];
    return {
      ForMaskedLM: { pooled: false, head: () => [predictions(config)] },
      ForSequenceClassification: { pooled: false, head: ({ labels }) => pooled(labels()) },
      ...commonTasks(false),
      ForMultipleChoice: { pooled: false, head: () => pooled(1) },
    };
  },
});
