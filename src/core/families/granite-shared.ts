import { linear } from "../layers/linear.ts";
import { type Module, module } from "../tree/module.ts";

/** Granite's feed-forward for every token, gate and value in one matrix. */
export const graniteSharedMlp = (className: string, width: number, inner: number): Module =>
  module(
    className,
    "shared_mlp",
    [
      linear("input_linear", width, 2 * inner, {
        bias: false,
        divide: { by: "columns", units: inner },
      }),
      linear("output_linear", inner, width, { bias: false, divide: { by: "rows" } }),
    ],
    { op: { kind: "feed-forward", width, inner, gated: true, keepsGate: true } },
  );
