import { type Product, times } from "../../quantity/product.ts";
import type { ConvFrontEnd, FeatureMap } from "../../tree/op.ts";
import type { Moment } from "../engine.ts";
import { element, type Flow, half, held, hidden } from "./flow.ts";

/** Each convolution's output and its activation, at the length that it leaves. */
export function frontEnd(op: ConvFrontEnd, flow: Flow): Moment[] {
  if (op.moments) {
    return op.moments.map((maps) => ({
      at: maps.at(-1)?.label ?? "",
      buffers: maps
        .filter((map) => map.only === undefined || half(flow))
        .map((map) => held(map.label, mapSize(map, flow))),
    }));
  }
  const total = op.strides.reduce((product, stride) => product * stride, 1);
  let passed = 1;
  return op.strides.map((stride, index) => {
    passed *= stride;
    const size: Product = [times(total / passed, ""), ...hidden(flow, op.width)];
    return {
      at: `conv${index + 1}`,
      buffers: [held("convolution", size), held("activation", size)],
    };
  });
}

export const mapSize = ({ steps, width, bytes, once }: FeatureMap, flow: Flow): Product => [
  ...(once ? [] : flow.sequences),
  { of: "frames", label: "positions", through: steps },
  times(width, "channels"),
  bytes === undefined ? element(flow) : times(bytes, "B"),
];
