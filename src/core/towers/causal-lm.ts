import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { type Indices, those, upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";

/** Where a language model hangs in the whole: composite models keep the same layers under other names. */
export interface Place {
  /** Full path of the backbone: "model", "model.language_model", "language_model.model". */
  readonly backbone: string;
  /** Full path of the head: "lm_head", "language_model.lm_head". */
  readonly head: string;
}
export const STANDALONE: Place = { backbone: "model", head: "lm_head" };

/** A language model in its two parts, so that a composite model can put them where its reference does. */
export interface LanguageModel {
  readonly backbone: Module;
  /** Present also when tied: it then owns no storage. */
  readonly head: Module;
  readonly width: number;
  readonly vocab: number;
}

export interface DecoderSizes {
  readonly vocab: number;
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly tied: boolean;
  /** Width of the token table, where it differs from the layers' (a projection before the model brings them together). */
  readonly embeddingWidth?: number;
}

/** Layers that differ from others of the same model in what they see or in their feed-forward. */
export interface LayerVariant {
  readonly indices: Indices;
  /** Default: every earlier position. */
  readonly span?: Span;
  /** In place of the gated feed-forward of the model's inner width; its name is `mlp` unless it says otherwise. */
  readonly feedForward?: Module;
  /** A layer of another make, in place of all that the model's sizes and habits say. */
  readonly layer?: Module;
}

/** Two variants: layers for which `slides` holds see the last `window` tokens, the others everything. */
export function slidingVariants(
  layers: number,
  window: number | null,
  slides: (index: number) => boolean,
): readonly LayerVariant[] {
  if (window === null) return [{ indices: upTo(layers) }];
  return [
    { indices: those(layers, (index) => !slides(index)) },
    { indices: those(layers, slides), span: { kind: "window", size: window, causal: true } },
  ];
}

/** What sets the Llama descendants apart. */
export interface DecoderHabits {
  /** Prefix of the class names: "Llama", "Qwen2". */
  readonly classes: string;
  /** Classes that do not follow the prefix. */
  readonly own?: {
    readonly backbone?: string;
    readonly layer?: string;
    readonly attention?: string;
    readonly feedForward?: string;
    readonly rotary?: string;
    readonly finalNorm?: string;
  };
  readonly bias?: { readonly qkv?: boolean; readonly o?: boolean; readonly feedForward?: boolean };
  /** RMS norm over each head's queries and keys. */
  readonly normedHeads?: boolean;
  /** Norms after attention and feed-forward too (Gemma 2 and 3). */
  readonly sandwich?: boolean;
  /** The embedding is scaled by a number that lives in an fp32 buffer (Gemma). */
  readonly scaledEmbedding?: boolean;
  /** Modules of every layer besides attention, feed-forward and norms, after them. */
  readonly extra?: readonly Module[];
  /** In place of the token table, after the layers: tables of codes (a talker's). */
  readonly tables?: readonly (Module | undefined)[];
  /** Layers of several kinds, together covering all indices; default: one causal kind. */
  readonly variants?: readonly LayerVariant[];
  /** One pair of rotary tables for each. */
  readonly rotaryKinds?: readonly string[];
  /** Whether the head computes logits for the whole prompt or, with `logits_to_keep`, only for the last position. */
  readonly logits?: "all" | "last";
}

export const PROJECTIONS = [
  ["q", "q_proj"],
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["o", "o_proj"],
] as const;

/**
 * The decoder-only language model in Llama's shape (Touvron et al. 2023): token table, pre-norm layers with rotary
 * grouped-query attention and a gated feed-forward, a final RMS norm, and a head without bias.
 */
export function causalLm(
  sizes: DecoderSizes,
  habits: DecoderHabits,
  place: Place = STANDALONE,
): LanguageModel {
  const { vocab, width, layers, headDim } = sizes;
  const { classes, own = {}, variants = [{ indices: upTo(layers) }] } = habits;
  const last = place.backbone.split(".").at(-1) ?? place.backbone;
  const backbone = module(
    own.backbone ?? `${classes}Model`,
    last,
    [
      ...(habits.tables ? [] : [tokenTable(sizes, habits)]),
      ...variants.map((variant) =>
        stack(variant.indices, variant.layer ?? decoderLayer(sizes, habits, variant)),
      ),
      rmsNorm("norm", width, own.finalNorm ?? `${classes}RMSNorm`),
      rotary("rotary_emb", own.rotary ?? `${classes}RotaryEmbedding`, headDim, habits.rotaryKinds),
      ...(habits.tables ?? []),
    ],
    { component: "text_model", op: { kind: "tower", side: "decoder", width, rotary: headDim } },
  );
  const head = languageHead(sizes, place, habits.logits);
  return { backbone, head, width, vocab };
}

const tokenTable = (
  { vocab, width, embeddingWidth }: DecoderSizes,
  habits: DecoderHabits,
): Module =>
  embedding("embed_tokens", vocab, embeddingWidth ?? width, {
    component: "embeddings",
    divided: true,
    ...(habits.scaledEmbedding && {
      buffers: [{ name: "embed_scale", shape: [], dtype: "fp32", persistent: false }],
    }),
  });

/**
 * The head of a language model at `place`: a composite model whose own config says whether it is tied, or that computes
 * logits for other positions, takes it instead of the language model's.
 */
export function languageHead(
  { width, vocab, tied }: Pick<DecoderSizes, "width" | "vocab" | "tied">,
  place: Place,
  positions: "all" | "last" = "last",
): Module {
  return {
    ...linear(place.head.split(".").at(-1) ?? place.head, width, vocab, {
      bias: false,
      component: tied ? "embeddings" : "lm_head",
      divide: { by: "columns" },
      ...(tied && { tiedTo: `${place.backbone}.embed_tokens.weight` }),
    }),
    op: { kind: "head", vocab, positions },
  };
}

function decoderLayer(sizes: DecoderSizes, habits: DecoderHabits, variant: LayerVariant): Module {
  const { width, inner, heads, kvHeads, headDim } = sizes;
  const { classes, own = {}, bias = {}, sandwich = false } = habits;
  const qkv = bias.qkv ?? false;
  const feedForward =
    variant.feedForward ??
    gatedFeedForward(own.feedForward ?? `${classes}MLP`, "mlp", width, inner, {
      bias: bias.feedForward ?? false,
    });
  const norm = (name: string, size = width) => rmsNorm(name, size, `${classes}RMSNorm`);
  return module(
    own.layer ?? `${classes}DecoderLayer`,
    "layers",
    [
      attention(own.attention ?? `${classes}Attention`, "self_attn", {
        width,
        heads,
        kvHeads,
        headDim,
        names: PROJECTIONS,
        bias: { q: qkv, k: qkv, v: qkv, o: bias.o ?? false },
        extra: habits.normedHeads ? [norm("q_norm", headDim), norm("k_norm", headDim)] : [],
        span: variant.span ?? { kind: "causal" },
        scores: "fp32-softmax",
        cached: true,
      }),
      feedForward,
      norm("input_layernorm"),
      norm("post_attention_layernorm"),
      ...(sandwich ? [norm("pre_feedforward_layernorm"), norm("post_feedforward_layernorm")] : []),
      ...(habits.extra ?? []),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: feedForward.name }] } },
  );
}
