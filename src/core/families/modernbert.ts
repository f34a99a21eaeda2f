import {
  count,
  dimension,
  flag,
  list,
  maybe,
  or,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { evenHeads } from "../towers/whisper.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";
import type { Context } from "./family.ts";
import { checkedKinds } from "./mamba-config.ts";
import { classifier, textEncoderFamily, USUAL_ENDINGS, vocabularyHead } from "./text-encoder.ts";

const FULL = "full_attention";
const SLIDING = "sliding_attention";

/** ModernBertConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 50368),
  hidden_size: or(dimension(), 768),
  intermediate_size: or(dimension(), 1152),
  num_hidden_layers: or(count(), 22),
  num_attention_heads: or(dimension(), 12),
  max_position_embeddings: or(positions(), 8192),
  norm_bias: or(flag(), false),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
  decoder_bias: or(flag(), true),
  classifier_bias: or(flag(), false),
  layer_types: maybe(list(text())),
  global_attn_every_n_layers: or(count(), 3),
  local_attention: or(dimension(), 128),
  tie_word_embeddings: or(flag(), true),
}));
type Config = ReturnType<typeof read>;

function kindsOf(config: Config, context: Context): (index: number) => string {
  const stated = config.layer_types;
  if (!stated) return (index) => (index % config.global_attn_every_n_layers ? SLIDING : FULL);
  const kinds = checkedKinds(
    stated,
    config.num_hidden_layers,
    [FULL, SLIDING],
    "layer_types",
    context,
  );
  return (index) => kinds[index] ?? FULL;
}

function layer(config: Config, span: Span, first: boolean): Module {
  const { hidden_size: width, num_attention_heads: heads, intermediate_size: inner } = config;
  const norm = (name: string) => layerNorm(name, width, { bias: config.norm_bias });
  return module(
    "ModernBertEncoderLayer",
    "layers",
    [
      first ? undefined : norm("attn_norm"),
      attention("ModernBertAttention", "attn", {
        width,
        heads,
        names: [
          ["qkv", "Wqkv"],
          ["o", "Wo"],
        ],
        bias: config.attention_bias,
        span,
        scores: "fp32-softmax",
        cached: false,
      }),
      norm("mlp_norm"),
      module(
        "ModernBertMLP",
        "mlp",
        [
          linear("Wi", width, 2 * inner, {
            bias: config.mlp_bias,
            divide: { by: "columns", units: inner },
          }),
          linear("Wo", inner, width, { bias: config.mlp_bias, divide: { by: "rows" } }),
        ],
        { op: { kind: "feed-forward", width, inner, gated: true } },
      ),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "attn" }, { run: "mlp" }] } },
  );
}

function encoder(config: Config, kindOf: (index: number) => string, name: string): Module {
  const { hidden_size: width, num_hidden_layers: layers } = config;
  const norm = (own: string) => layerNorm(own, width, { bias: config.norm_bias });
  // Half of `local_attention` to each side, and the position itself.
  const window: Span = {
    kind: "window",
    size: 2 * Math.floor(config.local_attention / 2) + 1,
    causal: false,
  };
  const kinds = [
    [FULL, { kind: "full" }],
    [SLIDING, window],
  ] as const;
  const used = kinds
    .map(([kind]) => kind)
    .filter((kind) => those(layers, (i) => kindOf(i) === kind).length);
  return module(
    "ModernBertModel",
    name,
    [
      module("ModernBertEmbeddings", "embeddings", [
        embedding("tok_embeddings", config.vocab_size, width, {
          component: "embeddings",
          divided: true,
        }),
        norm("norm"),
      ]),
      ...kinds.flatMap(([kind, span]) => [
        // The embedding's norm takes the place of the first layer's.
        stack(
          those(1, () => kindOf(0) === kind),
          layer(config, span, true),
        ),
        stack(
          those(layers, (index) => index > 0 && kindOf(index) === kind),
          layer(config, span, false),
        ),
      ]),
      norm("final_norm"),
      rotary("rotary_emb", "ModernBertRotaryEmbedding", width / config.num_attention_heads, used),
    ],
    {
      component: "text_model",
      op: { kind: "tower", side: "encoder", width, rotary: width / config.num_attention_heads },
    },
  );
}

/** ModernBERT (Warner et al. 2024). Source: `models/modernbert/modeling_modernbert.py`. */
export const modernbert = textEncoderFamily({
  name: "modernbert",
  classes: "ModernBert",
  base: "model",
  purpose: "text representations and classification",
  architectures: USUAL_ENDINGS,
  pooled: false,
  read(raw, context) {
    const config = read(raw, context);
    evenHeads(config.hidden_size, config.num_attention_heads, "hidden_size", "num_attention_heads");
    const kindOf = kindsOf(config, context);
    return {
      config,
      width: config.hidden_size,
      positions: config.max_position_embeddings,
      hard: false,
      encoder: (name: string) => encoder(config, kindOf, name),
    };
  },
  tasks({ config }) {
    const head = (width: number): Module =>
      module(
        "ModernBertPredictionHead",
        "head",
        [
          linear("dense", width, width, { bias: config.classifier_bias }),
          layerNorm("norm", width, { bias: config.norm_bias }),
        ],
        { component: "text_model" },
      );
    const classes = {
      pooled: false,
      head: ({ width, labels }: { width: number; labels: () => number }) => [
        head(width),
        classifier(width, labels()),
      ],
    };
    return {
      ForMaskedLM: {
        pooled: false,
        head: ({ width }) => [
          head(width),
          vocabularyHead(
            "decoder",
            width,
            config.vocab_size,
            config.tie_word_embeddings ? { weight: "model.embeddings.tok_embeddings.weight" } : {},
            { bias: config.decoder_bias },
          ),
        ],
      },
      ForSequenceClassification: classes,
      ForTokenClassification: classes,
      ForQuestionAnswering: classes,
      ForMultipleChoice: {
        pooled: false,
        head: ({ width }) => [head(width), classifier(width, 1)],
      },
    };
  },
});
