import { type Module, module } from "../tree/module.ts";
import type { AttentionOp, ScoreStyle, Span } from "../tree/op.ts";
import type { State } from "../tree/state.ts";
import type { DeviceBuffer, Tensor } from "../tree/tensor.ts";
import { linear } from "./linear.ts";

/** "qkv", "kv": several of them from one matrix. */
type Projection = "q" | "k" | "v" | "qkv" | "kv" | "o";

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
  /** Queries come with a gate for the result, in one matrix of twice the rows (Qwen3-Next). */
  readonly gated?: boolean;
  /** The matrices are stored as [inputs, outputs]: GPT-2. */
  readonly transposed?: boolean;
  /** Parameters of the attention itself, beside its projections. */
  readonly tensors?: readonly Tensor[];
  readonly buffers?: readonly DeviceBuffer[];
  /** Names of the projections, in checkpoint order. */
  readonly names: readonly (readonly [Projection, string])[];
  /** Modules of the attention besides its projections (norms on queries and keys), after them. */
  readonly extra?: readonly Module[];
  readonly over?: "self" | "cross";
  readonly span: Span;
  readonly scores: ScoreStyle;
  /** What else the engines need to know of how it is computed. */
  readonly habits?: Pick<
    AttentionOp,
    | "always"
    | "returns"
    | "sinks"
    | "paddedDim"
    | "sliced"
    | "turns"
    | "packed"
    | "masked"
    | "fused"
    | "ungrouped"
    | "contiguous"
  >;
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
  const { width, heads, kvHeads = heads, over = "self", transposed = false } = options;
  const headDim = options.headDim ?? Math.floor(width / heads);
  const source = over === "cross" ? (options.sourceWidth ?? width) : width;
  const biased = (which: Projection) =>
    typeof options.bias === "object" ? (options.bias[which] ?? true) : (options.bias ?? true);
  const projection = ([which, own]: readonly [Projection, string]): Module => {
    const bias = biased(which);
    if (which === "o") {
      const divide = { by: "rows", units: heads } as const;
      return linear(own, heads * headDim, options.outputs ?? width, {
        bias,
        transposed,
        divide,
      });
    }
    const outputs = {
      q: options.gated ? 2 * heads : heads,
      k: kvHeads,
      v: kvHeads,
      kv: 2 * kvHeads,
      qkv: heads + 2 * kvHeads,
    }[which];
    const divide = { by: "columns", units: which === "q" ? heads : kvHeads } as const;
    const one = linear(own, which === "q" ? width : source, outputs * headDim, {
      bias,
      transposed,
      divide,
    });
    return over === "cross" && which !== "q" && one.op?.kind === "linear"
      ? { ...one, op: { ...one.op, reads: "memory" } }
      : one;
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
      ...(options.names.some(([which]) => which === "qkv") && { fused: true as const }),
      ...options.habits,
    },
    ...(state && { state }),
    ...(options.tensors && { tensors: options.tensors }),
    ...(options.buffers && { buffers: options.buffers }),
  });
}
