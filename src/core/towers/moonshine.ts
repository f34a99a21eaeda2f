import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";

export interface MoonshineSizes {
  /** Prefix of the class names. */
  readonly classes: string;
  readonly width: number;
  readonly inner: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Biases of queries, keys and values, and of the output where `outputBias`. */
  readonly bias: boolean;
  readonly outputBias?: boolean;
  /** Heads are padded to this width before they meet. */
  readonly paddedDim?: number;
}

const PROJECTIONS = [
  ["q", "q_proj"],
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["o", "o_proj"],
] as const;

function attend(
  className: string,
  name: string,
  sizes: MoonshineSizes,
  over: "self" | "cross",
  span: Span,
  cached: boolean,
): Module {
  const { width, heads, kvHeads, headDim, bias, outputBias = false, paddedDim } = sizes;
  const plain = attention(className, name, {
    width,
    heads,
    kvHeads,
    headDim,
    names: PROJECTIONS,
    bias: { q: bias, k: bias, v: bias, o: outputBias },
    over,
    span,
    scores: "fp32-softmax",
    cached,
  });
  return paddedDim === undefined || plain.op?.kind !== "attention"
    ? plain
    : { ...plain, op: { ...plain.op, paddedDim } };
}

export interface EncoderLayerHabits {
  readonly span?: Span;
  readonly attentionClass?: string;
  /** A norm of the family's own. */
  readonly norm?: (name: string, width: number) => Module;
}

/** Pre-norm layer with grouped-query attention; norms have no shift. */
export function moonshineEncoderLayer(
  sizes: MoonshineSizes,
  habits: EncoderLayerHabits = {},
): Module {
  const { classes, width, inner } = sizes;
  const norm =
    habits.norm ?? ((name: string, size: number) => layerNorm(name, size, { bias: false }));
  return module(
    `${classes}EncoderLayer`,
    "layers",
    [
      attend(
        habits.attentionClass ?? `${classes}Attention`,
        "self_attn",
        sizes,
        "self",
        habits.span ?? { kind: "full" },
        false,
      ),
      module(`${classes}EncoderMLP`, "mlp", feedForwardPair(width, inner), {
        op: { kind: "feed-forward", width, inner, gated: false },
      }),
      norm("input_layernorm", width),
      norm("post_attention_layernorm", width),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
}

export interface DecoderParts {
  readonly vocab: number;
  readonly layers: number;
  /** Width of the rotary cosines and sines. */
  readonly rotary: number;
  /** What follows the last norm: rotary tables, and in the streaming one positions of the encoder's output. */
  readonly tables: readonly Module[];
}

/** Rotary decoder whose feed-forward makes gate and value with one matrix. */
export function moonshineDecoder(sizes: MoonshineSizes, parts: DecoderParts): Module {
  const { classes, width, inner } = sizes;
  const unshifted = (name: string) => layerNorm(name, width, { bias: false });
  const self = attend(`${classes}Attention`, "self_attn", sizes, "self", { kind: "causal" }, true);
  const cross = attend(
    `${classes}Attention`,
    "encoder_attn",
    sizes,
    "cross",
    { kind: "full" },
    true,
  );
  const layer = module(
    `${classes}DecoderLayer`,
    "layers",
    [
      self,
      cross,
      module(
        `${classes}DecoderMLP`,
        "mlp",
        [
          linear("fc1", width, 2 * inner, { divide: { by: "columns", units: inner } }),
          linear("fc2", inner, width, { divide: { by: "rows" } }),
        ],
        { op: { kind: "feed-forward", width, inner, gated: true, keepsGate: true } },
      ),
      unshifted("input_layernorm"),
      unshifted("post_attention_layernorm"),
      unshifted("final_layernorm"),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "self_attn" }, { run: "encoder_attn" }, { run: "mlp" }],
      },
    },
  );
  return module(
    `${classes}Decoder`,
    "decoder",
    [
      embedding("embed_tokens", parts.vocab, width, { component: "embeddings", divided: true }),
      stack(upTo(parts.layers), layer),
      unshifted("norm"),
      ...parts.tables,
    ],
    {
      component: "decoder",
      op: { kind: "tower", side: "decoder", width, rotary: parts.rotary },
    },
  );
}
