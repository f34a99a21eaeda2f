import { dimension, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { bertEncoder } from "../towers/bert.ts";
import { evenHeads } from "../towers/whisper.ts";
import { module } from "../tree/module.ts";
import {
  classifier,
  commonTasks,
  textEncoderFamily,
  USUAL_ENDINGS,
  vocabularyHead,
} from "./text-encoder.ts";
import { encoderFields } from "./text-encoder-config.ts";
import { denseClassifier } from "./text-heads.ts";

/** ElectraConfig (transformers 5.18). */
const read = reader(() => ({
  ...encoderFields({ vocab: 30522, width: 256, heads: 4, inner: 1024, positions: 512 }),
  embedding_size: or(dimension(), 128),
  type_vocab_size: or(dimension(), 2),
}));

/** ELECTRA (Clark et al. 2020): the discriminator, and its generator. Source: `models/electra/modeling_electra.py`. */
export const electra = textEncoderFamily({
  name: "electra",
  classes: "Electra",
  base: "electra",
  purpose: "text representations and classification",
  architectures: [...USUAL_ENDINGS, "ForPreTraining"],
  pooled: false,
  read(raw, context) {
    const config = read(raw, context);
    const { hidden_size: width, num_attention_heads: heads } = config;
    evenHeads(width, heads, "hidden_size", "num_attention_heads");
    return {
      config,
      width,
      positions: config.max_position_embeddings,
      hard: true,
      encoder: (name: string) =>
        bertEncoder(
          {
            vocab: config.vocab_size,
            width,
            embedded: config.embedding_size,
            inner: config.intermediate_size,
            layers: config.num_hidden_layers,
            heads,
            positions: config.max_position_embeddings,
            types: config.type_vocab_size,
          },
          {
            classes: "Electra",
            name,
            component: "text_model",
            words: "embeddings",
            pooled: false,
            positionsLast: false,
            storedIndices: false,
            tower: true,
            scores: "scaled-copy",
          },
        ),
    };
  },
  tasks({ config }) {
    const { vocab_size: vocab, embedding_size: embedded, tie_word_embeddings: tied } = config;
    const table = "electra.embeddings.word_embeddings.weight";
    const scores = (width: number, outputs: number, last: string) => [
      linear("dense", width, width),
      linear(last, width, outputs),
    ];
    return {
      ForMaskedLM: {
        pooled: false,
        head: ({ width }) => [
          module(
            "ElectraGeneratorPredictions",
            "generator_predictions",
            [layerNorm("LayerNorm", embedded), linear("dense", width, embedded)],
            { component: "text_model" },
          ),
          vocabularyHead("generator_lm_head", embedded, vocab, tied ? { weight: table } : {}),
        ],
      },
      ForPreTraining: {
        pooled: false,
        head: ({ width }) => [
          module(
            "ElectraDiscriminatorPredictions",
            "discriminator_predictions",
            scores(width, 1, "dense_prediction"),
            { component: "lm_head" },
          ),
        ],
      },
      ForSequenceClassification: {
        pooled: false,
        head: ({ width, labels }) => [
          denseClassifier("ElectraClassificationHead", width, labels()),
        ],
      },
      ...commonTasks(false),
      ForMultipleChoice: {
        pooled: false,
        head: ({ width }) => [
          linear("sequence_summary.summary", width, width, { component: "lm_head" }),
          classifier(width, 1),
        ],
      },
    };
  },
});
