import type { RawConfig } from "../config/raw.ts";
import { dimension, maybe, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { PROJECTIONS } from "../towers/causal-lm.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";
import type { Context, Family } from "./family.ts";
import { classifier, textEncoderFamily } from "./text-encoder.ts";
import { BASE, encoderFields } from "./text-encoder-config.ts";
import { bertHeads, bertPredictions, robertaHead } from "./text-heads.ts";

interface Member {
  readonly name: string;
  readonly classes: string;
  readonly vocab: number;
  readonly positions: number;
  readonly types: number;
  /** Biases on the projections of attention, and on the last matrix of the feed-forward. */
  readonly bias: boolean;
  /** Whether there are buffers of indices. */
  readonly indices: boolean;
  predictions(width: number, vocab: number, table: string | undefined): Module;
}

function encoder(member: Member, config: Config, name: string, pooled: boolean): Module {
  const { classes, bias } = member;
  const { hidden_size: width, num_attention_heads: heads, intermediate_size: inner } = config;
  const { max_position_embeddings: positions, vocab_size: vocab } = config;
  const headDim = config.head_dim ?? Math.floor(width / heads);
  const layer = module(
    `${classes}Layer`,
    "layers",
    [
      layerNorm("post_attention_layernorm", width),
      gatedFeedForward(`${classes}MLP`, "mlp", width, inner, { downBias: bias }),
      attention(`${classes}Attention`, "self_attn", {
        width,
        heads,
        headDim,
        names: PROJECTIONS,
        bias,
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: false,
      }),
      layerNorm("post_mlp_layernorm", width),
    ],
    {
      op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }], norms: "after" },
    },
  );
  const buffers = ["position_ids", "token_type_ids"].map(
    (own): DeviceBuffer => ({
      name: own,
      shape: [1, positions],
      dtype: "int64",
      persistent: false,
    }),
  );
  return module(
    `${classes}Model`,
    name,
    [
      module(
        `${classes}Embeddings`,
        "embeddings",
        [
          embedding("word_embeddings", vocab, width, { component: "embeddings", divided: true }),
          embedding("token_type_embeddings", config.type_vocab_size, width),
          layerNorm("LayerNorm", width),
        ],
        member.indices ? { buffers } : {},
      ),
      stack(upTo(config.num_hidden_layers), layer),
      rotary("rotary_emb", `${classes}RotaryEmbedding`, headDim),
      pooled ? module(`${classes}Pooler`, "pooler", [linear("dense", width, width)]) : undefined,
    ],
    {
      component: "text_model",
      op: { kind: "tower", side: "encoder", width, rotary: headDim },
    },
  );
}

/** GteConfig and NomicBertConfig (transformers 5.18). */
const fieldsOf = ({ vocab, positions, types }: Member) =>
  reader(() => ({
    ...encoderFields({ ...BASE, vocab, positions }),
    type_vocab_size: or(dimension(), types),
    head_dim: maybe(dimension()),
  }));
type Config = ReturnType<ReturnType<typeof fieldsOf>>;

function family(member: Member): Family {
  const read = fieldsOf(member);
  const { name: base, classes } = member;
  return textEncoderFamily({
    name: base,
    classes,
    base,
    purpose: "text representations and classification",
    architectures: ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification"],
    pooled: false,
    read(raw: RawConfig, context: Context) {
      const config = read(raw, context);
      const { hidden_size: width, num_attention_heads: heads } = config;
      if (config.head_dim === undefined)
        evenHeads(width, heads, "hidden_size", "num_attention_heads");
      return {
        config,
        width,
        positions: config.max_position_embeddings,
        hard: false,
        encoder: (name: string, pooled: boolean) => encoder(member, config, name, pooled),
      };
    },
    tasks: ({ config }) => ({
      ForMaskedLM: {
        pooled: false,
        head: ({ width }) => [
          member.predictions(
            width,
            config.vocab_size,
            config.tie_word_embeddings ? `${base}.embeddings.word_embeddings.weight` : undefined,
          ),
        ],
      },
      ForSequenceClassification: {
        pooled: true,
        head: ({ width, labels }) => [classifier(width, labels())],
      },
      ForTokenClassification: {
        pooled: false,
        head: ({ width, labels }) => [classifier(width, labels())],
      },
    }),
  });
}

/** Alibaba's GTE: BERT with rotary positions and gates. Source: `models/gte/modeling_gte.py`. */
export const gte = family({
  name: "gte",
  classes: "Gte",
  vocab: 250048,
  positions: 8192,
  types: 1,
  bias: true,
  indices: false,
  predictions(width, vocab, table) {
    const head = robertaHead("GteLMHead", width, vocab, false, undefined);
    const tie = (module: Module): Module => ({
      ...module,
      tensors: module.tensors.map((tensor) =>
        tensor.name === "weight" && table !== undefined ? { ...tensor, tiedTo: table } : tensor,
      ),
    });
    // The bias of the scores is the matrix's own.
    return {
      ...head,
      tensors: [],
      children: head.children.map((child) => (child.name === "decoder" ? tie(child) : child)),
    };
  },
});

/** Nomic's BERT, as transformers has it (not the fields of its remote code). Source: `models/nomic_bert/modeling_nomic_bert.py`. */
export const nomicBert = family({
  name: "nomic_bert",
  classes: "NomicBert",
  vocab: 30528,
  positions: 2048,
  types: 2,
  bias: false,
  indices: true,
  predictions: (width, vocab, table) =>
    bertHeads("NomicBertOnlyMLMHead", [
      bertPredictions("NomicBert", width, vocab, table, "layer_norm"),
    ]),
});
