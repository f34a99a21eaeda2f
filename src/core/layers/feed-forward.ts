import { type Module, module } from "../tree/module.ts";
import { linear } from "./linear.ts";

interface GatedOptions {
  readonly bias?: boolean;
  /** On the last matrix; as the others by default. */
  readonly downBias?: boolean;
  /** Width of the result; the input's by default. */
  readonly outputs?: number;
  readonly names?: readonly [gate: string, up: string, down: string];
}

/** `down(act(gate(x)) · up(x))`: the feed-forward of Llama and its descendants (SwiGLU, Shazeer 2020). */
export function gatedFeedForward(
  className: string,
  name: string,
  width: number,
  inner: number,
  options: GatedOptions = {},
): Module {
  const { bias = false, names = ["gate_proj", "up_proj", "down_proj"] } = options;
  return module(
    className,
    name,
    [
      linear(names[0], width, inner, { bias, divide: { by: "columns" } }),
      linear(names[1], width, inner, { bias, divide: { by: "columns" } }),
      linear(names[2], inner, options.outputs ?? width, {
        bias: options.downBias ?? bias,
        divide: { by: "rows" },
      }),
    ],
    { op: { kind: "feed-forward", width, inner, gated: true } },
  );
}

/** `fc2(act(fc1(x)))` as a module of its own. */
export function plainFeedForward(
  className: string,
  name: string,
  width: number,
  inner: number,
  options: { names?: readonly [string, string]; bias?: boolean } = {},
): Module {
  return module(
    className,
    name,
    feedForwardPair(width, inner, options.names, { bias: options.bias ?? true }),
    {
      op: { kind: "feed-forward", width, inner, gated: false },
    },
  );
}

/** The two matrices of `fc2(act(fc1(x)))`, as siblings: most encoder layers own them directly. */
export function feedForwardPair(
  width: number,
  inner: number,
  names: readonly [string, string] = ["fc1", "fc2"],
  { bias = true }: { bias?: boolean } = {},
): Module[] {
  return [
    linear(names[0], width, inner, { bias, divide: { by: "columns" } }),
    linear(names[1], inner, width, { bias, divide: { by: "rows" } }),
  ];
}
