import { times } from "../../quantity/product.ts";
import type { Op } from "../../tree/op.ts";
import type { Moment } from "../engine.ts";
import { element, type Flow, held } from "./flow.ts";

/**
 * Putting encoded features among the token embeddings: the selected placeholders are 24 bytes of indices each, the scatter
 * takes a prefix sum of 8 bytes and a mask of 1 for every element of the embeddings.
 */
export function mergeMoments(
  op: Extract<Op, { kind: "merge" }>,
  width: number,
  flow: Flow,
): Moment[] {
  const tokens = [times("batch", "sequences"), times("prompt", "tokens"), times(width, "wide")];
  const audio = [
    times("batch", "sequences"),
    times("audioTokens", "audio tokens"),
    times(width, "wide"),
  ];
  const size = element(flow);
  const both = [
    held("token embeddings", [...tokens, size]),
    held("audio embeddings", [...audio, size]),
  ];
  return [
    ...(op.checked
      ? [
          {
            at: "merge check",
            buffers: [
              ...both,
              held("selected placeholders", [...audio, size]),
              held("their indices", [...audio, times(24, "B")]),
              held("mask", [...tokens, times(1, "B")]),
            ],
          },
        ]
      : []),
    {
      at: "merge",
      buffers: [
        ...both,
        held("merged embeddings", [...tokens, size]),
        held("prefix sum and mask", [...tokens, times(9, "B")]),
      ],
    },
  ];
}
