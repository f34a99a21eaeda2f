import { attention } from "../layers/attention.ts";
import { layerNorm } from "../layers/norm.ts";
import { type Module, module } from "../tree/module.ts";
import type { AttentionOp, Block, Span } from "../tree/op.ts";

const PROJECTIONS = [
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["q", "q_proj"],
  ["o", "out_proj"],
] as const;

export interface Seq2SeqLayer {
  readonly width: number;
  readonly heads: number;
  readonly span: Span;
  /** Whether it attends to an encoder too; it then keeps keys and values of both. */
  readonly cross: boolean;
  /** The feed-forward's modules, and how a layer runs them. */
  readonly feedForward: readonly Module[];
  readonly run: Block["run"];
  readonly norms: "before" | "after";
  /** What sets its attention apart. */
  readonly attention?: Pick<AttentionOp, "always" | "returns">;
  /** Names where they are not fairseq's: "encoder_attn", "final_layer_norm". */
  readonly crossName?: string;
  readonly finalNorm?: string;
}

/** A layer of an encoder or decoder with biases everywhere, under the names that fairseq gave them. */
export function seq2seqLayer(
  className: string,
  attentionClass: string,
  options: Seq2SeqLayer,
): Module {
  const { width, heads, span, cross, feedForward, run, norms } = options;
  const { crossName = "encoder_attn", finalNorm = "final_layer_norm" } = options;
  const attend = (name: string, over: "self" | "cross") => {
    const { op, ...plain } = attention(attentionClass, name, {
      width,
      heads,
      names: PROJECTIONS,
      over,
      span: over === "cross" ? { kind: "full" } : span,
      scores: "scaled-copy",
      cached: cross,
    });
    return [
      { ...plain, ...(op?.kind === "attention" && { op: { ...op, ...options.attention } }) },
      layerNorm(`${name}_layer_norm`, width),
    ];
  };
  return module(
    className,
    "layers",
    [
      ...attend("self_attn", "self"),
      ...(cross ? attend(crossName, "cross") : []),
      ...feedForward,
      layerNorm(finalNorm, width),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "self_attn" }, ...(cross ? [{ run: crossName }] : []), { run }],
        norms,
      },
    },
  );
}

/** fairseq's sinusoids in a buffer, with two rows of padding before them; it grows when a sequence is longer. */
export const sinusoids = (
  className: string,
  name: string,
  positions: number,
  width: number,
): Module =>
  module(className, name, [], {
    buffers: [
      { name: "weights", shape: [positions + 2, width], dtype: "model", persistent: false },
    ],
  });
