import { type Module, module } from "../tree/module.ts";
import type { FeedForwardOp } from "../tree/op.ts";
import { activationSteps } from "./activation.ts";
import { linear } from "./linear.ts";

interface GatedOptions {
  readonly bias?: boolean;
  /** On the last matrix; as the others by default. */
  readonly downBias?: boolean;
  /** Width of the result; the input's by default. */
  readonly outputs?: number;
  /** Two names: gate and up are one matrix of twice the inner width. */
  readonly names?: readonly [gate: string, up: string, down: string] | readonly [string, string];
  /** As transformers calls it: matters where it is computed in plain steps. */
  readonly activation?: string | undefined;
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
  const down = names[2] ?? names[1];
  const columns = names.length === 3 ? [names[0], names[1]] : [names[0]];
  return module(
    className,
    name,
    [
      ...columns.map((column) =>
        linear(column, width, (2 / columns.length) * inner, {
          bias,
          divide: { by: "columns", units: inner },
        }),
      ),
      linear(down, inner, options.outputs ?? width, {
        bias: options.downBias ?? bias,
        divide: { by: "rows" },
      }),
    ],
    {
      op: {
        kind: "feed-forward",
        width,
        inner,
        gated: true,
        ...gradientOf(options.activation),
        ...(names.length === 2 && { keepsGate: true as const }),
        ...activationSteps(options.activation),
      },
    },
  );
}

/** What a config's name of an activation says of its gradient (transformers 5.18, activations.py). */
function gradientOf(name: string | undefined): Pick<FeedForwardOp, "gradient"> {
  if (name === "relu") return { gradient: "relu" };
  return name === "gelu_new" ? { gradient: "written-out" } : {};
}

interface PairOptions {
  readonly bias?: boolean;
  /** Stored as GPT-2 stores its matrices. */
  readonly transposed?: boolean;
  /** As transformers calls it: matters where it is computed in plain steps. */
  readonly activation?: string | undefined;
}

/** `fc2(act(fc1(x)))` as a module of its own. */
export function plainFeedForward(
  className: string,
  name: string,
  width: number,
  inner: number,
  names: readonly [string, string] = ["fc1", "fc2"],
  options: PairOptions = {},
): Module {
  return module(className, name, feedForwardPair(width, inner, names, options), {
    op: {
      kind: "feed-forward",
      width,
      inner,
      gated: false,
      ...activationSteps(options.activation),
      ...gradientOf(options.activation),
    },
  });
}

/** The two matrices of `fc2(act(fc1(x)))`, as siblings: most encoder layers own them directly. */
export function feedForwardPair(
  width: number,
  inner: number,
  names: readonly [string, string] = ["fc1", "fc2"],
  { activation: _, ...options }: PairOptions = {},
): Module[] {
  return [
    linear(names[0], width, inner, { ...options, divide: { by: "columns" } }),
    linear(names[1], inner, width, { ...options, divide: { by: "rows" } }),
  ];
}
