import type { RawConfig } from "../config/raw.ts";
import { count, decimal, dimension, flag, integer, maybe, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { bertEncoder } from "../towers/bert.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Module } from "../tree/module.ts";
import type { Context, Family } from "./family.ts";
import { classifier, commonTasks, textEncoderFamily, USUAL_ENDINGS } from "./text-encoder.ts";
import { bertHeads, bertPredictions, denseClassifier, robertaHead } from "./text-heads.ts";

/** BertConfig's fields, which RoBERTa's configs share but for the vocabulary (transformers 5.18). */
const fieldsOf = (vocab: number) =>
  reader(() => ({
    vocab_size: or(dimension(), vocab),
    hidden_size: or(dimension(), 768),
    num_hidden_layers: or(count(), 12),
    num_attention_heads: or(dimension(), 12),
    intermediate_size: or(dimension(), 3072),
    max_position_embeddings: or(dimension(), 512),
    type_vocab_size: or(dimension(), 2),
    tie_word_embeddings: or(flag(), true),
    hidden_dropout_prob: or(decimal(), 0.1),
    attention_probs_dropout_prob: or(decimal(), 0.1),
    pad_token_id: maybe(integer(0, 2 ** 31)),
  }));

/** RoBERTa counts positions from behind the padding token's index, 1 where none is stated. */
const PADDING = 1;

const bodyOf =
  (read: ReturnType<typeof fieldsOf>, classes: string, roberta: boolean, headsFirst = false) =>
  (raw: RawConfig, context: Context) => {
    const config = read(raw, context);
    const width = config.hidden_size;
    const vocab = config.vocab_size;
    evenHeads(width, config.num_attention_heads, "hidden_size", "num_attention_heads");
    const skipped = roberta ? (config.pad_token_id ?? PADDING) + 1 : 0;
    return {
      width,
      vocab,
      tied: config.tie_word_embeddings,
      positions: Math.max(1, config.max_position_embeddings - skipped),
      hard: true,
      encoder: (name: string, pooled: boolean, architecture: string) =>
        bertEncoder(
          {
            vocab,
            width,
            inner: config.intermediate_size,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            positions: config.max_position_embeddings,
            types: config.type_vocab_size,
            dropout: {
              hidden: config.hidden_dropout_prob > 0,
              inner: false,
              scores: config.attention_probs_dropout_prob > 0,
            },
          },
          {
            classes,
            name,
            component: "text_model",
            words: "embeddings",
            wordsTiedTo:
              headsFirst && config.tie_word_embeddings && architecture === "ForMaskedLM"
                ? "lm_head.decoder.weight"
                : undefined,
            pooled,
            positionsLast: roberta,
            storedIndices: false,
            tower: true,
            scores: "scaled-copy",
          },
        ),
    };
  };
type Body = ReturnType<ReturnType<typeof bodyOf>>;

const words = (base: string): string => `${base}.embeddings.word_embeddings.weight`;

const predictions = ({ width, vocab, tied }: Body): Module =>
  bertPredictions("Bert", width, vocab, tied ? words("bert") : undefined);

const nextSentence = (width: number): Module => linear("seq_relationship", width, 2);

/** BERT (Devlin et al. 2018). Source: `models/bert/modeling_bert.py`. */
export const bert: Family = textEncoderFamily({
  name: "bert",
  classes: "Bert",
  base: "bert",
  purpose: "text representations and classification",
  architectures: [
    "Model",
    "ForMaskedLM",
    "ForPreTraining",
    "ForNextSentencePrediction",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
  ],
  pooled: true,
  read: bodyOf(fieldsOf(30522), "Bert", false),
  tasks: (body) => ({
    ForMaskedLM: {
      pooled: false,
      head: () => [bertHeads("BertOnlyMLMHead", [predictions(body)])],
    },
    ForPreTraining: {
      pooled: true,
      head: ({ width }) => [
        bertHeads("BertPreTrainingHeads", [predictions(body), nextSentence(width)]),
      ],
    },
    ForNextSentencePrediction: {
      pooled: true,
      head: ({ width }) => [bertHeads("BertOnlyNSPHead", [nextSentence(width)])],
    },
    ForSequenceClassification: {
      pooled: true,
      head: ({ width, labels }) => [classifier(width, labels())],
    },
    ...commonTasks(true),
  }),
});

const robertaFamily = (name: string, classes: string, vocab: number, headsFirst: boolean): Family =>
  textEncoderFamily({
    name,
    classes,
    base: "roberta",
    headsFirst,
    purpose: "text representations and classification",
    architectures: USUAL_ENDINGS,
    pooled: true,
    read: bodyOf(fieldsOf(vocab), classes, true, headsFirst),
    tasks: ({ tied, vocab: entries }) => ({
      ForMaskedLM: {
        pooled: false,
        head: ({ width }) => [
          robertaHead(
            `${classes}LMHead`,
            width,
            entries,
            tied,
            headsFirst ? undefined : words("roberta"),
          ),
        ],
      },
      ForSequenceClassification: {
        pooled: false,
        head: ({ width, labels }) => [
          denseClassifier(`${classes}ClassificationHead`, width, labels()),
        ],
      },
      ...commonTasks(true),
    }),
  });

/** RoBERTa (Liu et al. 2019). Source: `models/roberta/modeling_roberta.py`. */
export const roberta = robertaFamily("roberta", "Roberta", 50265, false);

/** XLM-RoBERTa (Conneau et al. 2019): heads first, so that the head owns the table that it shares. Source: `models/xlm_roberta/modeling_xlm_roberta.py`. */
export const xlmRoberta = robertaFamily("xlm-roberta", "XLMRoberta", 30522, true);

/** CamemBERT: RoBERTa for French. Source: `models/camembert/modeling_camembert.py`. */
export const camembert = robertaFamily("camembert", "Camembert", 30522, true);
