import { type RawConfig, within } from "../config/raw.ts";
import { count, decimal, dimension, flag, maybe, or, reader, text } from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { contextUpTo } from "../model.ts";
import { type T5Sizes, t5Encoder, t5Stack } from "../towers/t5.ts";
import { type Module, module } from "../tree/module.ts";
import type { Context, Family } from "./family.ts";

/** What sets the members apart in their config classes (transformers 5.18). */
interface Member {
  readonly classes: "T5" | "MT5" | "UMT5";
  readonly vocab: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly feedForward: string;
}

const member = (sizes: Member) => ({
  ...sizes,
  read: reader(() => ({
    vocab_size: or(dimension(), sizes.vocab),
    d_model: or(dimension(), 512),
    d_kv: or(dimension(), 64),
    d_ff: or(dimension(), sizes.inner),
    num_layers: or(count(), sizes.layers),
    num_decoder_layers: maybe(count()),
    num_heads: or(dimension(), sizes.heads),
    relative_attention_num_buckets: or(dimension(), 32),
    dropout_rate: or(decimal(), 0.1),
    feed_forward_proj: or(text(), sizes.feedForward),
    is_gated_act: maybe(flag()),
  })),
});

const MULTILINGUAL = { vocab: 250112, layers: 8, heads: 6, inner: 1024 } as const;
const T5 = member({
  classes: "T5",
  vocab: 32128,
  layers: 6,
  heads: 8,
  inner: 2048,
  feedForward: "relu",
});
const MT5 = member({ classes: "MT5", ...MULTILINGUAL, feedForward: "gated-gelu" });
const UMT5 = member({ classes: "UMT5", ...MULTILINGUAL, feedForward: "gated-gelu" });

function sizesOf(
  { classes, read }: typeof T5,
  raw: RawConfig,
  context: Context,
): { sizes: T5Sizes; layers: number; decoderLayers: number } {
  const config = read(raw, context);
  const [first = "", ...rest] = config.feed_forward_proj.split("-");
  if (rest.length > 1 || (rest.length === 1 && first !== "gated")) {
    const field = within(context.path, "feed_forward_proj");
    throw new InputError(
      "out-of-range",
      `${field} is ${shown(config.feed_forward_proj)}, but must be an activation or gated- and an activation, such as "gated-gelu": correct it in the config.`,
      field,
    );
  }
  return {
    sizes: {
      classes,
      vocab: config.vocab_size,
      width: config.d_model,
      heads: config.num_heads,
      headDim: config.d_kv,
      inner: config.d_ff,
      buckets: config.relative_attention_num_buckets,
      gated: config.is_gated_act ?? first === "gated",
      // T5Config: "gated-gelu" means `gelu_new`.
      activation: config.feed_forward_proj === "gated-gelu" ? "gelu_new" : (rest[0] ?? first),
      dropout: config.dropout_rate > 0,
      biased: classes === "UMT5" ? "all" : "first",
    },
    layers: config.num_layers,
    decoderLayers: config.num_decoder_layers ?? config.num_layers,
  };
}

/** The children of a `T5EncoderModel` at `path` inside another model, and the width of what it puts out. */
export function t5TextEncoder(
  raw: RawConfig,
  context: Context,
  path: string,
): { readonly children: readonly Module[]; readonly width: number } {
  const { sizes, layers } = sizesOf(T5, raw, context);
  return {
    children: t5Encoder(sizes, { path, layers, component: "text_encoder" }),
    width: sizes.width,
  };
}

/**
 * T5 and Flan-T5. `tie_word_embeddings: false` of version 1.1 only changes a scale in transformers 5: all tables are tied.
 * Source: `models/t5/modeling_t5.py`, `configuration_t5.py`.
 */
const family = (name: string, of: typeof T5): Family => ({
  name,
  modelTypes: [name],
  architectures: [
    `${of.classes}ForConditionalGeneration`,
    `${of.classes}Model`,
    `${of.classes}EncoderModel`,
  ],
  purpose: "text to text",
  describe(raw, context) {
    const { sizes, layers, decoderLayers } = sizesOf(of, raw, context);
    const { vocab, width } = sizes;
    const tokens = "shared.weight";
    const shared = embedding("shared", vocab, width, { component: "embeddings", divided: true });
    const encoder = t5Stack(sizes, { name: "encoder", layers, component: "encoder", tokens });
    if (context.architecture.endsWith("EncoderModel")) {
      return {
        type: "encoder-only",
        root: module(context.architecture, "", [shared, encoder]),
        audio: undefined,
        encoderText: { max: undefined },
        context: { max: undefined, hard: false, preset: 0, prompt: undefined },
      };
    }
    const head: Module = {
      ...linear("lm_head", width, vocab, {
        bias: false,
        component: "embeddings",
        divide: { by: "columns" },
        tiedTo: tokens,
      }),
      op: { kind: "head", vocab, positions: "all" },
    };
    return {
      type: "encoder-decoder",
      root: module(context.architecture, "", [
        shared,
        encoder,
        t5Stack(sizes, { name: "decoder", layers: decoderLayers, component: "decoder", tokens }),
        context.architecture.endsWith("ForConditionalGeneration") ? head : undefined,
      ]),
      audio: undefined,
      encoderText: { max: undefined },
      // The prompt goes to the encoder; the decoder starts from one token.
      context: { ...contextUpTo(undefined), prompt: 1 },
    };
  },
});

export const t5 = family("t5", T5);
export const mt5 = family("mt5", MT5);
export const umt5 = family("umt5", UMT5);
