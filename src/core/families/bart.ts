import { labelCount } from "../config/labels.ts";
import { own } from "../config/raw.ts";
import { count, dimension, flag, maybe, or, positions, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { type BartHabits, bartHalf, tokenTable } from "../towers/bart.ts";
import { evenHeads } from "../towers/whisper.ts";
import { type Module, module } from "../tree/module.ts";
import type { Described, Family } from "./family.ts";

interface Member extends BartHabits {
  readonly name: string;
  readonly vocab: number;
  /** Endings of its architectures' names. */
  readonly generates: string;
  readonly others: readonly string[];
  /** A bias of the logits is stored as a buffer. */
  readonly logitsBias: boolean;
  readonly purpose: string;
}

/** BartConfig's fields; the kin differ only in the size of the vocabulary (transformers 5.18). */
const fieldsOf = (vocab: number) =>
  reader(() => ({
    vocab_size: or(dimension(), vocab),
    max_position_embeddings: or(positions(), 1024),
    encoder_layers: or(count(0), 12),
    encoder_ffn_dim: or(dimension(), 4096),
    encoder_attention_heads: or(dimension(), 16),
    decoder_layers: or(count(0), 12),
    decoder_ffn_dim: or(dimension(), 4096),
    decoder_attention_heads: or(dimension(), 16),
    d_model: or(dimension(), 1024),
    tie_word_embeddings: or(flag(), true),
  }));

const readMarian = reader(() => ({
  decoder_vocab_size: maybe(dimension()),
  share_encoder_decoder_embeddings: or(flag(), true),
}));

/** BartConfig's own number of labels: BART is published for entailment. */
const BART_LABELS = 3;

function family(member: Member): Family {
  const { name, classes } = member;
  const read = fieldsOf(member.vocab);
  return {
    name,
    modelTypes: [name],
    architectures: [member.generates, ...member.others].map((ending) => `${classes}${ending}`),
    purpose: member.purpose,
    describe(raw, context): Described {
      const config = read(raw, context);
      const width = config.d_model;
      evenHeads(width, config.encoder_attention_heads, "d_model", "encoder_attention_heads");
      evenHeads(width, config.decoder_attention_heads, "d_model", "decoder_attention_heads");
      const marian = name === "marian" ? readMarian(raw, context) : undefined;
      const shares = marian?.share_encoder_decoder_embeddings ?? true;
      const tie = config.tie_word_embeddings;
      const ending = context.architecture.slice(classes.length);
      const prefix = ending === "Model" ? "" : "model.";
      const decoderVocab = marian?.decoder_vocab_size ?? config.vocab_size;
      const tokens = tie && shares ? `${prefix}shared.weight` : undefined;
      const common = { width, positions: config.max_position_embeddings };
      const encoder = bartHalf(
        member,
        {
          ...common,
          tokens,
          vocab: config.vocab_size,
          layers: config.encoder_layers,
          heads: config.encoder_attention_heads,
          inner: config.encoder_ffn_dim,
        },
        "encoder",
      );
      const decoder = (half: "decoder" | "alone") =>
        bartHalf(
          member,
          {
            ...common,
            tokens: half === "alone" ? undefined : tokens,
            vocab: decoderVocab,
            layers: config.decoder_layers,
            heads: config.decoder_attention_heads,
            inner: config.decoder_ffn_dim,
          },
          half,
        );
      const head = (
        vocab: number,
        owner: string,
        positions: "all" | "last",
        biased = false,
      ): Module => ({
        ...linear("lm_head", width, vocab, {
          bias: false,
          component: tie ? "embeddings" : "lm_head",
          divide: { by: "columns" },
          ...(tie && { tiedTo: owner }),
        }),
        op: { kind: "head", vocab, positions, ...(biased && { copied: true as const }) },
      });
      const limit = {
        max: config.max_position_embeddings,
        hard: member.positions !== "computed-sinusoids",
        preset: config.max_position_embeddings,
      };
      const root = (children: readonly Module[]) => module(context.architecture, "", children);
      if (ending === "ForCausalLM") {
        return {
          type: "decoder-only",
          root: root([
            module(`${classes}DecoderWrapper`, "model", [decoder("alone")]),
            head(decoderVocab, "model.decoder.embed_tokens.weight", "last"),
          ]),
          audio: undefined,
          context: { ...limit, prompt: undefined },
        };
      }
      const halves = [
        ...(shares
          ? [tokenTable(member, "shared", { vocab: config.vocab_size, width, tokens: undefined })]
          : []),
        encoder,
        decoder("decoder"),
      ];
      const outer = (more: readonly Module[]) =>
        root([module(`${classes}Model`, "model", halves), ...more]);
      const described = (tree: Module): Described => ({
        type: "encoder-decoder",
        root: tree,
        audio: undefined,
        encoderText: { max: limit.hard ? limit.max : undefined },
        // The text to be rewritten goes to the encoder; the decoder starts from one token.
        context: { ...limit, prompt: 1 },
      });
      if (ending === "Model") return described(root(halves));
      if (ending === "ForSequenceClassification") {
        const labels =
          name === "bart" && !own(raw, "id2label") && own(raw, "num_labels") === undefined
            ? BART_LABELS
            : labelCount(raw, context);
        const parts = [linear("dense", width, width), linear("out_proj", width, labels)];
        const classifier = module(`${classes}ClassificationHead`, "classification_head", parts, {
          component: "lm_head",
        });
        return described(outer([classifier]));
      }
      if (ending === "ForQuestionAnswering")
        return described(outer([linear("qa_outputs", width, 2, { component: "lm_head" })]));
      const vocab = shares ? config.vocab_size : decoderVocab;
      const owner = shares ? "model.shared.weight" : "model.decoder.embed_tokens.weight";
      const whole = outer([head(vocab, owner, "all", member.logitsBias)]);
      return described(
        member.logitsBias
          ? {
              ...whole,
              buffers: [
                {
                  name: "final_logits_bias",
                  shape: [1, vocab],
                  dtype: "model",
                  persistent: true,
                },
              ],
            }
          : whole,
      );
    },
  };
}

const GENERATION = "ForConditionalGeneration";
const CLASSIFIES = ["Model", "ForCausalLM", "ForSequenceClassification", "ForQuestionAnswering"];

/** BART (Lewis et al. 2019). Source: `models/bart/modeling_bart.py`. */
export const bart = family({
  name: "bart",
  classes: "Bart",
  tableClass: "BartScaledWordEmbedding",
  vocab: 50265,
  generates: GENERATION,
  others: CLASSIFIES,
  positions: "learned",
  embeddingNorm: true,
  norms: "after",
  logitsBias: true,
  purpose: "summaries and other rewriting",
});

/** mBART: BART with norms first and one at the end. Source: `models/mbart/modeling_mbart.py`. */
export const mbart = family({
  name: "mbart",
  classes: "MBart",
  tableClass: "MBartScaledWordEmbedding",
  vocab: 50265,
  generates: GENERATION,
  others: CLASSIFIES,
  positions: "learned",
  embeddingNorm: true,
  norms: "before",
  logitsBias: true,
  purpose: "translation",
});

/** Marian (OPUS-MT): stored sinusoids; source and target may have vocabularies of their own. Source: `models/marian/modeling_marian.py`. */
export const marian = family({
  name: "marian",
  classes: "Marian",
  vocab: 58101,
  generates: "MTModel",
  others: ["Model", "ForCausalLM"],
  positions: "stored-sinusoids",
  embeddingNorm: false,
  norms: "after",
  logitsBias: true,
  purpose: "translation",
});

/** Pegasus (Zhang et al. 2019). Source: `models/pegasus/modeling_pegasus.py`. */
export const pegasus = family({
  name: "pegasus",
  classes: "Pegasus",
  vocab: 50265,
  generates: GENERATION,
  others: ["Model", "ForCausalLM"],
  positions: "stored-sinusoids",
  embeddingNorm: false,
  norms: "before",
  logitsBias: true,
  purpose: "summaries",
});

/** M2M100 and NLLB: computed sinusoids, no bias of the logits. Source: `models/m2m_100/modeling_m2m_100.py`. */
export const m2m100 = family({
  name: "m2m_100",
  classes: "M2M100",
  tableClass: "M2M100ScaledWordEmbedding",
  vocab: 128112,
  generates: GENERATION,
  others: ["Model"],
  positions: "computed-sinusoids",
  embeddingNorm: false,
  norms: "before",
  logitsBias: false,
  purpose: "translation",
});
