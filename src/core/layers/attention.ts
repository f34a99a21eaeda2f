import { type Module, module } from "../tree/module.ts";
import type { ScoreStyle, Span } from "../tree/op.ts";
import type { State } from "../tree/state.ts";
import { linear } from "./linear.ts";

type Projection = "q" | "k" | "v" | "o" | "qkv";

export interface AttentionOptions {
  /** Width of the sequence that asks, and of the result. */
  readonly width: number;
  readonly heads: number;
  /** Fewer than `heads` where groups of query heads share keys and values. */
  readonly kvHeads?: number;
  /** `width / heads` unless stated. */
  readonly headDim?: number;
  /** Which projections carry a bias: all by default. */
  readonly bias?: Partial<Record<Projection, boolean>> | boolean;
  /** Names of the projections, in checkpoint order; `qkv` is one matrix for queries, keys and values. */
  readonly names: readonly (readonly [Projection, string])[];
  /** Modules of the attention besides its projections (norms on queries and keys), after them. */
  readonly extra?: readonly Module[];
  readonly over?: "self" | "cross";
  readonly span: Span;
  readonly scores: ScoreStyle;
  /** Whether keys and values are kept between decoding steps; bidirectional encoders keep none. */
  readonly cached: boolean;
  /** Positions per token of the language model, for a causal encoder that keeps its own cache. */
  readonly perToken?: number;
  /** Width of the result, where it is another than that of the sequence that asks. */
  readonly outputs?: number;
  /** Width of the sequence that answers, for cross-attention to a tower of another width. */
  readonly sourceWidth?: number;
}

/**
 * Scaled dot-product attention with its four projections: queries [heads × headDim, width], keys and values
 * [kvHeads × headDim, width], output [width, heads × headDim]. Heads are what tensor parallelism deals out.
 */
export function attention(className: string, name: string, options: AttentionOptions): Module {
  const { width, heads, kvHeads = heads, over = "self" } = options;
  const headDim = options.headDim ?? Math.floor(width / heads);
  const source = over === "cross" ? (options.sourceWidth ?? width) : width;
  const biased = (which: Projection) =>
    typeof options.bias === "object" ? (options.bias[which] ?? true) : (options.bias ?? true);
  const projection = ([which, own]: readonly [Projection, string]): Module => {
    const bias = biased(which);
    if (which === "q")
      return linear(own, width, heads * headDim, { bias, divide: { by: "columns", units: heads } });
    if (which === "o")
      return linear(own, heads * headDim, options.outputs ?? width, {
        bias,
        divide: { by: "rows", units: heads },
      });
    const rows = which === "qkv" ? heads + 2 * kvHeads : kvHeads;
    return linear(own, source, rows * headDim, {
      bias,
      divide: { by: "columns", units: kvHeads },
    });
  };
  const window =
    options.span.kind === "window" || options.span.kind === "chunk" ? options.span.size : undefined;
  const state: State | undefined = options.cached
    ? {
        kind: "kv",
        over,
        heads: kvHeads,
        keyDim: headDim,
        valueDim: headDim,
        ...(window !== undefined && { window }),
        ...(options.perToken !== undefined && { perToken: options.perToken }),
      }
    : undefined;
  return module(className, name, [...options.names.map(projection), ...(options.extra ?? [])], {
    op: {
      kind: "attention",
      width,
      heads,
      kvHeads,
      headDim,
      valueDim: headDim,
      over,
      span: options.span,
      scores: options.scores,
    },
    ...(state && { state }),
  });
}
