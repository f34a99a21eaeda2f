import { type Product, times } from "../../quantity/product.ts";
import type { ExpertsOp, FeedForwardOp } from "../../tree/op.ts";
import type { Moment } from "../engine.ts";
import { element, type Flow, half, held, hidden } from "./flow.ts";

/** Gated: the activated gate, the up projection and their product. Plain: the inner values before and after the activation. */
export function feedForwardMoments(op: FeedForwardOp, flow: Flow): Moment[] {
  const inner = hidden(flow, Math.ceil(op.inner / flow.setup.tensorParallel));
  const buffers = op.gated
    ? [
        held("activated gate", inner),
        held("up projection", inner),
        held("their product", inner),
        ...(op.keepsGate ? [held("gate before its activation", inner)] : []),
      ]
    : [
        held("fc1", inner),
        held("activation", inner),
        ...(op.quick ? [held("scaled copy", inner)] : []),
      ];
  return [
    { at: "", buffers },
    ...(op.activation === undefined
      ? []
      : [
          {
            at: "activation",
            buffers: [held("steps of the activation", [times(op.activation, ""), ...inner])],
          },
        ]),
  ];
}

/**
 * Widths of the inner layer: the gathered biases and their sum with the product (twice two), gate and value within their
 * limits, the sigmoid's argument and value, and the product. Source: `models/gpt_oss/modeling_gpt_oss.py`, `_apply_gate`.
 */
const CLAMPED_COPIES = 9;

/**
 * Prefill multiplies each token's copies, one for every expert that it goes to, in groups; a decoding step gathers the
 * weights of the chosen experts instead, three matrices for every token and expert.
 */
export function expertsMoments(op: ExpertsOp, flow: Flow): Moment[] {
  const inner = Math.ceil(op.inner / flow.setup.tensorParallel);
  const chosen = times(op.perToken, "experts");
  if (flow.phase === "decode") {
    const weights: Product = [
      ...flow.sequences,
      chosen,
      times(3, "matrices"),
      times(inner, "inner"),
      times(op.width, "wide"),
      element(flow),
    ];
    return [{ at: "experts", buffers: [held("gathered expert weights", weights)] }];
  }
  const copies = (width: number, count: number): Product => [
    chosen,
    ...(count === 1 ? [] : [times(count, "")]),
    ...hidden(flow, width),
  ];
  return [
    {
      at: "experts",
      buffers: [
        held("gathered rows", copies(op.width, 1)),
        held(
          op.clamped
            ? "gate and up with biases and limits, and their product"
            : "gate, up, activated gate and product",
          copies(inner, op.clamped ? CLAMPED_COPIES : 4),
        ),
      ],
    },
    {
      at: "combine",
      buffers:
        op.weights === "fp32" && half(flow)
          ? [
              held("expert outputs", copies(op.width, 2)),
              // Twice as many bytes as the model's dtype has.
              held("weighted in fp32, and in order", copies(op.width, 4)),
            ]
          : [held("expert outputs, weighted and summed", copies(op.width, 4))],
    },
  ];
}
