import { type Module, module } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";
import { linear } from "./linear.ts";
import { rmsNorm } from "./norm.ts";

export interface LatentAttentionOptions {
  readonly width: number;
  readonly heads: number;
  /** Width of the compressed queries; null: they are not compressed. */
  readonly queryRank: number | null;
  /** Width of the compressed keys and values. */
  readonly rank: number;
  /** Values of a key that are rotated (shared by all heads) and that are not. */
  readonly rotated: number;
  readonly unrotated: number;
  readonly valueDim: number;
  /** Of the projections into the latent space and of the output. */
  readonly bias: boolean;
  readonly normClass: string;
  readonly span?: Span;
}

/**
 * Multi-head latent attention (DeepSeek-V2, 2024, section 2.1): keys and values of all heads come from one compressed
 * vector per position, which is what is kept. Heads are dealt out to ranks, the way into the latent space is not.
 */
export function latentAttention(
  className: string,
  name: string,
  options: LatentAttentionOptions,
): Module {
  const { width, heads, queryRank, rank, rotated, unrotated, valueDim, bias } = options;
  const keyDim = rotated + unrotated;
  const byHeads = { by: "columns", units: heads } as const;
  const norm = (own: string, size: number) => rmsNorm(own, size, options.normClass);
  const queries =
    queryRank === null
      ? [linear("q_proj", width, heads * keyDim, { bias: false, divide: byHeads })]
      : [
          linear("q_a_proj", width, queryRank, { bias }),
          norm("q_a_layernorm", queryRank),
          linear("q_b_proj", queryRank, heads * keyDim, { bias: false, divide: byHeads }),
        ];
  return module(
    className,
    name,
    [
      ...queries,
      linear("kv_a_proj_with_mqa", width, rank + rotated, { bias }),
      norm("kv_a_layernorm", rank),
      linear("kv_b_proj", rank, heads * (unrotated + valueDim), { bias: false, divide: byHeads }),
      linear("o_proj", heads * valueDim, width, { bias, divide: { by: "rows", units: heads } }),
    ],
    {
      op: {
        kind: "attention",
        width,
        heads,
        kvHeads: heads,
        headDim: keyDim,
        valueDim,
        over: "self",
        span: options.span ?? { kind: "causal" },
        scores: "fp32-softmax",
        latent: { unrotated },
      },
      state: { kind: "latent", width: rank + rotated },
    },
  );
}
