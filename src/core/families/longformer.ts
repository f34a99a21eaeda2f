import { dimension, oneOrMany, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { bertEncoder } from "../towers/bert.ts";
import { evenHeads } from "../towers/whisper.ts";
import { commonTasks, textEncoderFamily, USUAL_ENDINGS } from "./text-encoder.ts";
import { BASE, encoderFields } from "./text-encoder-config.ts";
import { denseClassifier, robertaHead } from "./text-heads.ts";

/** LongformerConfig (transformers 5.18). */
const read = reader(() => ({
  ...encoderFields({ ...BASE, vocab: 30522 }),
  type_vocab_size: or(dimension(), 2),
  attention_window: or(oneOrMany(dimension()), 512),
}));

/** RoBERTa's offset of positions, which Longformer keeps. */
const RESERVED_POSITIONS = 2;

/**
 * Longformer (Beltagy et al. 2020): windows, and projections of their own for the tokens that see everything.
 * Source: `models/longformer/modeling_longformer.py`.
 */
export const longformer = textEncoderFamily({
  name: "longformer",
  classes: "Longformer",
  base: "longformer",
  purpose: "text representations and classification",
  architectures: USUAL_ENDINGS,
  pooled: true,
  read(raw, context) {
    const config = read(raw, context);
    const { hidden_size: width, num_attention_heads: heads, attention_window: windows } = config;
    evenHeads(width, heads, "hidden_size", "num_attention_heads");
    const widest = typeof windows === "number" ? windows : Math.max(1, ...windows);
    return {
      config,
      width,
      positions: Math.max(1, config.max_position_embeddings - RESERVED_POSITIONS),
      hard: true,
      encoder: (name: string, pooled: boolean) =>
        bertEncoder(
          {
            vocab: config.vocab_size,
            width,
            inner: config.intermediate_size,
            layers: config.num_hidden_layers,
            heads,
            positions: config.max_position_embeddings,
            types: config.type_vocab_size,
          },
          {
            classes: "Longformer",
            name,
            component: "text_model",
            words: "embeddings",
            pooled,
            positionsLast: true,
            storedIndices: false,
            indices: false,
            tower: true,
            scores: "scaled-copy",
            layer: {
              span: { kind: "window", size: widest + 1, causal: false },
              extra: ["query_global", "key_global", "value_global"].map((own) =>
                linear(own, width, width, { divide: { by: "columns", units: heads } }),
              ),
            },
          },
        ),
    };
  },
  tasks: ({ config: { vocab_size: vocab, tie_word_embeddings: tied } }) => ({
    ForMaskedLM: {
      pooled: false,
      head: ({ width }) => [
        robertaHead(
          "LongformerLMHead",
          width,
          vocab,
          tied,
          "longformer.embeddings.word_embeddings.weight",
        ),
      ],
    },
    ForSequenceClassification: {
      pooled: false,
      head: ({ width, labels }) => [
        denseClassifier("LongformerClassificationHead", width, labels()),
      ],
    },
    ...commonTasks(true),
  }),
});
