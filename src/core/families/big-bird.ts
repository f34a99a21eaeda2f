import { count, dimension, flag, or, reader, text } from "../config/schema.ts";
import { bertEncoder } from "../towers/bert.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Span } from "../tree/op.ts";
import { classifier, commonTasks, textEncoderFamily } from "./text-encoder.ts";
import { BASE, encoderFields } from "./text-encoder-config.ts";
import { bertHeads, bertPredictions, denseClassifier } from "./text-heads.ts";

/** BigBirdConfig (transformers 5.18). */
const read = reader(() => ({
  ...encoderFields({ ...BASE, vocab: 50358, positions: 4096 }),
  type_vocab_size: or(dimension(), 2),
  use_bias: or(flag(), true),
  attention_type: or(text(), "block_sparse"),
  block_size: or(count(), 64),
  num_random_blocks: or(count(0), 3),
}));

/** Blocks that each block sees besides random ones: itself, its neighbours, the first and the last. */
const FIXED_BLOCKS = 5;
const table = "bert.embeddings.word_embeddings.weight";

/** BigBird (Zaheer et al. 2020), as an encoder. Source: `models/big_bird/modeling_big_bird.py`. */
export const bigBird = textEncoderFamily({
  name: "big_bird",
  classes: "BigBird",
  base: "bert",
  purpose: "text representations and classification",
  architectures: [
    "Model",
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForMultipleChoice",
  ],
  pooled: true,
  read(raw, context) {
    const config = read(raw, context);
    const { hidden_size: width, num_attention_heads: heads } = config;
    evenHeads(width, heads, "hidden_size", "num_attention_heads");
    const seen = (FIXED_BLOCKS + config.num_random_blocks) * config.block_size;
    const span: Span =
      config.attention_type === "block_sparse"
        ? { kind: "window", size: seen, causal: false }
        : { kind: "full" };
    return {
      config,
      width,
      positions: config.max_position_embeddings,
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
            classes: "BigBird",
            name,
            component: "text_model",
            words: "embeddings",
            pooled,
            flatPooler: true,
            positionsLast: false,
            storedIndices: false,
            tower: true,
            scores: "scaled-copy",
            layer: { bias: config.use_bias, span },
          },
        ),
    };
  },
  tasks: ({ config }) => ({
    ForMaskedLM: {
      pooled: true,
      head: ({ width }) => [
        bertHeads("BigBirdOnlyMLMHead", [
          bertPredictions(
            "BigBird",
            width,
            config.vocab_size,
            config.tie_word_embeddings ? table : undefined,
          ),
        ]),
      ],
    },
    ForSequenceClassification: {
      pooled: true,
      head: ({ width, labels }) => [denseClassifier("BigBirdClassificationHead", width, labels())],
    },
    ...commonTasks(true),
    ForTokenClassification: {
      pooled: true,
      head: ({ width, labels }) => [classifier(width, labels())],
    },
  }),
});
