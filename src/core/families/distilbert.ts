import { count, dimension, flag, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import {
  classifier,
  commonTasks,
  textEncoderFamily,
  USUAL_ENDINGS,
  vocabularyHead,
} from "./text-encoder.ts";

/** DistilBertConfig (transformers 5.18); its attribute map also takes BERT's names. */
const read = reader(() => ({
  vocab_size: or(dimension(), 30522),
  max_position_embeddings: or(dimension(), 512),
  n_layers: or(count(), 6),
  n_heads: or(dimension(), 12),
  dim: or(dimension(), 768),
  hidden_dim: or(dimension(), 3072),
  tie_word_embeddings: or(flag(), true),
}));
type Config = ReturnType<typeof read>;

function encoder(config: Config, name: string): Module {
  const { dim: width, n_heads: heads, hidden_dim: inner } = config;
  const positions = config.max_position_embeddings;
  const block = module(
    "TransformerBlock",
    "layer",
    [
      attention("DistilBertSelfAttention", "attention", {
        width,
        heads,
        names: [
          ["q", "q_lin"],
          ["k", "k_lin"],
          ["v", "v_lin"],
          ["o", "out_lin"],
        ],
        span: { kind: "full" },
        scores: "scaled-copy",
        cached: false,
      }),
      layerNorm("sa_layer_norm", width),
      plainFeedForward("FFN", "ffn", width, inner, ["lin1", "lin2"]),
      layerNorm("output_layer_norm", width),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "attention" }, { run: "ffn" }],
        norms: "after",
      },
    },
  );
  return module(
    "DistilBertModel",
    name,
    [
      module(
        "Embeddings",
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
      module("Transformer", "transformer", [stack(upTo(config.n_layers), block)], {
        op: { kind: "tower", side: "encoder", width },
      }),
    ],
    { component: "text_model" },
  );
}

/** DistilBERT (Sanh et al. 2019). Source: `models/distilbert/modeling_distilbert.py`. */
export const distilbert = textEncoderFamily({
  name: "distilbert",
  classes: "DistilBert",
  base: "distilbert",
  purpose: "text representations and classification",
  architectures: USUAL_ENDINGS,
  pooled: false,
  read(raw, context) {
    const config = read(raw, context);
    evenHeads(config.dim, config.n_heads, "dim", "n_heads");
    return {
      config,
      width: config.dim,
      positions: config.max_position_embeddings,
      hard: true,
      encoder: (name: string) => encoder(config, name),
    };
  },
  tasks({ config }) {
    const owner = "distilbert.embeddings.word_embeddings.weight";
    const before = (width: number) =>
      linear("pre_classifier", width, width, { component: "lm_head" });
    return {
      ForMaskedLM: {
        pooled: false,
        head: ({ width }) => [
          linear("vocab_transform", width, width, { component: "text_model" }),
          { ...layerNorm("vocab_layer_norm", width), component: "text_model" },
          vocabularyHead(
            "vocab_projector",
            width,
            config.vocab_size,
            config.tie_word_embeddings ? { weight: owner } : {},
          ),
        ],
      },
      ForSequenceClassification: {
        pooled: false,
        head: ({ width, labels }) => [before(width), classifier(width, labels())],
      },
      ...commonTasks(false),
      ForMultipleChoice: {
        pooled: false,
        head: ({ width }) => [before(width), classifier(width, 1)],
      },
    };
  },
});
