import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { gatedFeedForward, plainFeedForward } from "../layers/feed-forward.ts";
import { rmsNorm } from "../layers/norm.ts";
import { type Indices, upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";
import { withPositions } from "./conformer.ts";

export interface T5Sizes {
  /** Prefix of the class names: "T5", "MT5", "UMT5". */
  readonly classes: string;
  readonly vocab: number;
  readonly width: number;
  readonly heads: number;
  /** Independent of the width: heads × headDim may be more or less. */
  readonly headDim: number;
  readonly inner: number;
  /** Rows of the table of relative positions. */
  readonly buckets: number;
  /** T5 1.1 and later: two input matrices, one of them a gate. */
  readonly gated: boolean;
  /** As transformers calls it. */
  readonly activation?: string;
  /** Which layers own a table of relative positions: T5's first one, whose table the others use, or all (UMT5). */
  readonly biased: "first" | "all";
  readonly dropout?: boolean;
}

export interface T5Stack {
  readonly name: "encoder" | "decoder";
  readonly layers: number;
  readonly component: Component;
  /** Full name of the token table that the stack's own one shares. */
  readonly tokens: string;
}

const PROJECTIONS = [
  ["q", "q"],
  ["k", "k"],
  ["v", "v"],
  ["o", "o"],
] as const;

/**
 * One half of T5 (Raffel et al. 2020): pre-norm layers without any bias, with learned scores for relative positions
 * instead of positions at the entry. The decoder also attends to the encoder's output.
 */
export function t5Stack(sizes: T5Sizes, options: T5Stack): Module {
  const { classes, vocab, width, biased } = sizes;
  const { layers } = options;
  const cross = options.name === "decoder";
  const tokens = embedding("embed_tokens", vocab, width, { divided: true });
  const blocks = (indices: Indices, own: boolean) => stack(indices, block(sizes, cross, own));
  return module(
    `${classes}Stack`,
    options.name,
    [
      {
        ...tokens,
        tensors: tokens.tensors.map((tensor) => ({ ...tensor, tiedTo: options.tokens })),
      },
      ...(biased === "all"
        ? [blocks(upTo(layers), true)]
        : [blocks([[0, 0]], true), layers > 1 ? blocks([[1, layers - 1]], false) : undefined]),
      rmsNorm("final_layer_norm", width, `${classes}LayerNorm`, "input-and-fp32"),
    ],
    { component: options.component, op: { kind: "tower", side: options.name, width } },
  );
}

/** T5's `wo` stays in fp32 when a model is loaded in fp16 (`_keep_in_fp32_modules`). */
const lastInFp32 = (part: Module): Module => ({
  ...part,
  ...(part.op?.kind === "feed-forward" && {
    op: { ...part.op, last: "fp32 for fp16" as const },
  }),
  children: part.children.map((child) =>
    child.name === "wo"
      ? {
          ...child,
          tensors: child.tensors.map((tensor) => ({
            ...tensor,
            dtypeFor: { fp16: "fp32" as const },
          })),
        }
      : child,
  ),
});

/** Sub-layers are named by number: self-attention, cross-attention where there is one, feed-forward; each has its norm. */
function block(sizes: T5Sizes, cross: boolean, ownBias: boolean): Module {
  const { classes, width, heads, headDim, inner } = sizes;
  const attend = (name: string, over: "self" | "cross", withTable: boolean) => {
    const plain = attention(`${classes}Attention`, name, {
      width,
      heads,
      headDim,
      bias: false,
      names: PROJECTIONS,
      extra: withTable ? [embedding("relative_attention_bias", sizes.buckets, heads)] : [],
      over,
      span: { kind: over === "self" && cross ? "causal" : "full" },
      scores: "scaled-copy",
      cached: cross,
    });
    // Attention to the encoder gets a bias of zeros.
    return withPositions(plain, { kind: "bias" });
  };
  const norm = (layer: number) =>
    rmsNorm(`layer.${layer}.layer_norm`, width, `${classes}LayerNorm`, "input-and-fp32");
  const last = cross ? 2 : 1;
  const feedForward = `layer.${last}.DenseReluDense`;
  return module(
    `${classes}Block`,
    "block",
    [
      attend("layer.0.SelfAttention", "self", ownBias),
      norm(0),
      ...(cross ? [attend("layer.1.EncDecAttention", "cross", false), norm(1)] : []),
      lastInFp32(
        sizes.gated
          ? gatedFeedForward(`${classes}DenseGatedActDense`, feedForward, width, inner, {
              names: ["wi_0", "wi_1", "wo"],
              activation: sizes.activation,
            })
          : plainFeedForward(`${classes}DenseActDense`, feedForward, width, inner, ["wi", "wo"], {
              bias: false,
              activation: sizes.activation,
            }),
      ),
      norm(last),
    ],
    {
      op: {
        kind: "layer",
        width,
        // `_keep_in_fp32_modules`: what the feed-forward adds is fp32 then, and so is the sum.
        residual: "fp32 for fp16",
        ...(sizes.dropout && { dropout: { hidden: true, inner: true, scores: true } }),
        blocks: [
          { run: "layer.0.SelfAttention" },
          ...(cross ? [{ run: "layer.1.EncDecAttention" }] : []),
          { run: feedForward },
        ],
      },
    },
  );
}

/** T5's encoder alone with its token table, as other models use it to read text: all of it one component. */
export function t5Encoder(
  sizes: T5Sizes,
  options: { readonly path: string; readonly layers: number; readonly component: Component },
): readonly Module[] {
  const { path, layers, component } = options;
  return [
    embedding("shared", sizes.vocab, sizes.width, { component, divided: true }),
    t5Stack(sizes, {
      name: "encoder",
      layers,
      component,
      tokens: path === "" ? "shared.weight" : `${path}.shared.weight`,
    }),
  ];
}
