import type { Dtype } from "../dtype.ts";
import { type AttentionOptions, attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { perVector, rmsNorm } from "../layers/norm.ts";
import { rotary as rotaryTables } from "../layers/rotary.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { LayerVariant } from "./layer-variants.ts";

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

/** Norms of a layer before attention and before the feed-forward, the usual way. */
const PRE_NORMS = ["input_layernorm", "post_attention_layernorm"] as const;
/** One norm, whose result both attention and feed-forward take; they run side by side. */
export const PARALLEL_NORMS = ["input_layernorm"] as const;
/** Norms after attention and feed-forward too (Gemma 2 and 3). */
export const SANDWICH_NORMS = [
  ...PRE_NORMS,
  "pre_feedforward_layernorm",
  "post_feedforward_layernorm",
] as const;
/** Norms after attention and feed-forward only (OLMo 2). */
export const POST_NORMS = ["post_attention_layernorm", "post_feedforward_layernorm"] as const;

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
  readonly bias?: {
    readonly qkv?: boolean;
    readonly o?: boolean;
    readonly feedForward?: boolean;
    readonly head?: boolean;
  };
  /** Default: RMS norm. */
  readonly norm?: (name: string, width: number) => Module;
  /** Names of a layer's norms. */
  readonly norms?: readonly string[];
  /** Default: "norm". */
  readonly finalNorm?: string;
  /** What else is not as in Llama's attention. */
  readonly attention?: Partial<AttentionOptions>;
  /** RMS norm over each head's queries and keys, or the modules that do something of the kind. */
  readonly normedHeads?: boolean | readonly Module[];
  /** In place of the gated feed-forward where a variant has none of its own. */
  readonly feedForward?: Module;
  /** The embedding is scaled by a number that lives in a buffer, of fp32 unless another is named (Gemma). */
  readonly scaledEmbedding?: boolean | Dtype;
  /** Hidden states of the first block that keep a name while the later ones run. */
  readonly keepsFirst?: number;
  /** Modules of every layer besides attention, feed-forward and norms, after them. */
  readonly extra?: readonly Module[];
  /** In place of the token table, after the layers: tables of codes (a talker's). */
  readonly tables?: readonly (Module | undefined)[];
  /** Layers of several kinds, together covering all indices; default: one causal kind. */
  readonly variants?: readonly LayerVariant[];
  /** One pair of rotary tables for each. */
  readonly rotaryKinds?: readonly string[];
  /** How many values of a head are rotated; default: all. */
  readonly rotated?: number;
  /** Whether the head computes logits for the whole prompt or, with `logits_to_keep`, only for the last position. */
  readonly logits?: "all" | "last";
  /** Something scales or caps the logits, which makes a second tensor. */
  readonly copiedLogits?: true;
  /** See the head op. */
  readonly cappedLogits?: boolean;
}

export const PROJECTIONS = [
  ["q", "q_proj"],
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["o", "o_proj"],
] as const;

/**
 * The decoder-only language model in Llama's shape (Touvron et al. 2023): token table, layers with rotary grouped-query
 * attention and a gated feed-forward, a final norm, and a head.
 */
export function causalLm(
  sizes: DecoderSizes,
  habits: DecoderHabits,
  place: Place = STANDALONE,
): LanguageModel {
  const { vocab, width, layers, headDim, tied } = sizes;
  const { classes, own = {}, variants = [{ indices: upTo(layers) }] } = habits;
  const finalNorm = normOf(habits, own.finalNorm);
  const rotated = habits.rotated ?? headDim;
  return languageModel({
    class: own.backbone ?? `${classes}Model`,
    place,
    vocab,
    width,
    tiedTo: tied ? "embed_tokens" : undefined,
    children: [
      ...(habits.tables
        ? []
        : [
            tokenTable(
              "embed_tokens",
              vocab,
              sizes.embeddingWidth ?? width,
              habits.scaledEmbedding,
            ),
          ]),
      ...variants.map((variant) =>
        stack(variant.indices, variant.layer ?? decoderLayer(sizes, habits, variant)),
      ),
      finalNorm(habits.finalNorm ?? "norm", width),
      rotaryTables(
        "rotary_emb",
        own.rotary ?? `${classes}RotaryEmbedding`,
        rotated,
        habits.rotaryKinds,
      ),
      ...(habits.tables ?? []),
    ],
    // A table of cosines and sines for each kind of layer.
    rotary: rotated * Math.max(1, habits.rotaryKinds?.length ?? 1),
    headBias: habits.bias?.head,
    logits: habits.logits,
    copiedLogits: habits.copiedLogits,
    cappedLogits: habits.cappedLogits,
  });
}

const normOf = ({ norm, classes }: DecoderHabits, own = `${classes}RMSNorm`) =>
  norm ?? ((name: string, width: number) => rmsNorm(name, width, own));

/** The embedding of tokens, divided by rows under tensor parallelism. */
export const tokenTable = (
  name: string,
  vocab: number,
  width: number,
  scaled: boolean | Dtype = false,
): Module =>
  embedding(name, vocab, width, {
    component: "embeddings",
    divided: true,
    ...(scaled && {
      buffers: [
        {
          name: "embed_scale",
          shape: [],
          dtype: scaled === true ? "fp32" : scaled,
          persistent: false,
        },
      ],
    }),
  });

interface Shell {
  /** Class of the backbone. */
  readonly class: string;
  readonly place: Place;
  readonly vocab: number;
  readonly width: number;
  /** Path of the token table below the backbone, where the head shares it. */
  readonly tiedTo: string | undefined;
  readonly children: readonly (Module | undefined)[];
  /** Width of the cosines and sines that are made once for all layers. */
  readonly rotary?: number | undefined;
  /** Learned positions: of each sequence, or once for all. */
  readonly positions?: "each" | "once";
  readonly headBias?: boolean | undefined;
  /** Width that the head takes, where the backbone projects its own to another one. */
  readonly headWidth?: number;
  readonly logits?: "all" | "last" | undefined;
  readonly copiedLogits?: true | undefined;
  readonly cappedLogits?: boolean | undefined;
}

/** A backbone and its head, whatever lies in the backbone. */
export function languageModel(shell: Shell): LanguageModel {
  const { place, vocab, width, rotary } = shell;
  const backbone = module(shell.class, lastOf(place.backbone), shell.children, {
    component: "text_model",
    op: {
      kind: "tower",
      side: "decoder",
      width,
      ...(rotary !== undefined && { rotary }),
      ...(shell.positions && { positions: shell.positions }),
    },
  });
  const sizes = { width: shell.headWidth ?? width, vocab, tied: shell.tiedTo !== undefined };
  const head = languageHead(sizes, place, shell.logits, {
    tokens: shell.tiedTo,
    bias: shell.headBias,
    copied: shell.copiedLogits,
    capped: shell.cappedLogits,
  });
  return { backbone, head, width, vocab };
}

const lastOf = (path: string): string => path.split(".").at(-1) ?? path;

interface HeadOptions {
  /** Path of the token table below the backbone. */
  readonly tokens?: string | undefined;
  readonly bias?: boolean | undefined;
  /** Something scales or caps the logits. */
  readonly copied?: true | undefined;
  readonly capped?: boolean | undefined;
}

/**
 * The head of a language model at `place`: a composite model whose own config says whether it is tied, or that computes
 * logits for other positions, takes it instead of the language model's.
 */
export function languageHead(
  { width, vocab, tied }: Pick<DecoderSizes, "width" | "vocab" | "tied">,
  place: Place,
  positions: "all" | "last" = "last",
  { tokens = "embed_tokens", bias = false, copied, capped = false }: HeadOptions = {},
): Module {
  return {
    ...linear(lastOf(place.head), width, vocab, {
      bias,
      component: tied && !bias ? "embeddings" : "lm_head",
      divide: { by: "columns" },
      ...(tied && { tiedTo: `${place.backbone}.${tokens}.weight` }),
    }),
    op: {
      kind: "head",
      vocab,
      positions,
      ...(copied && { copied }),
      ...(capped && { capped: true }),
    },
  };
}

function decoderLayer(sizes: DecoderSizes, habits: DecoderHabits, variant: LayerVariant): Module {
  const { width, inner, heads, kvHeads, headDim } = sizes;
  const { classes, own = {}, bias = {}, norms = PRE_NORMS, normedHeads = false } = habits;
  const qkv = bias.qkv ?? false;
  const norm = normOf(habits);
  const attend =
    variant.attention ??
    attention(own.attention ?? `${classes}Attention`, "self_attn", {
      width,
      heads,
      kvHeads,
      headDim,
      names: PROJECTIONS,
      bias: { q: qkv, k: qkv, v: qkv, qkv, o: bias.o ?? false },
      extra:
        normedHeads === true
          ? [perVector(norm("q_norm", headDim), heads), perVector(norm("k_norm", headDim), kvHeads)]
          : normedHeads || [],
      span: variant.span ?? { kind: "causal" },
      scores: "fp32-softmax",
      cached: true,
      ...habits.attention,
    });
  const feedForward =
    variant.feedForward ??
    habits.feedForward ??
    gatedFeedForward(own.feedForward ?? `${classes}MLP`, "mlp", width, inner, {
      bias: bias.feedForward ?? false,
    });
  return module(
    own.layer ?? `${classes}DecoderLayer`,
    "layers",
    [attend, feedForward, ...norms.map((name) => norm(name, width)), ...(habits.extra ?? [])],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: attend.name }, { run: feedForward.name }],
        ...(norms === POST_NORMS && { norms: "after" as const }),
        ...(habits.keepsFirst !== undefined && { keepsFirst: habits.keepsFirst }),
      },
    },
  );
}
