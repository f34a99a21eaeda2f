import { type Module, module } from "../tree/module.ts";
import type { ExpertsOp } from "../tree/op.ts";
import type { DeviceBuffer, Tensor } from "../tree/tensor.ts";
import { gatedFeedForward } from "./feed-forward.ts";
import { linear } from "./linear.ts";

export interface ExpertsOptions {
  readonly width: number;
  /** Inner width of one expert. */
  readonly inner: number;
  readonly experts: number;
  /** Experts that each token goes through. */
  readonly perToken: number;
  /** Class and name of the module that holds the three-dimensional weights. */
  readonly class: string;
  readonly name?: string;
  /** A bias for each matrix (gpt-oss). */
  readonly biased?: boolean;
  /** Weights as [experts, inputs, outputs] (Llama 4, gpt-oss). */
  readonly transposed?: boolean;
  /** Whether there is a gate beside the first matrix; without one it is called `up_proj`. True unless stated. */
  readonly gated?: boolean;
  /** Width of what the experts see, where a projection before them narrows it. */
  readonly latent?: number;
  /** What else the engines need to know of how it is computed. */
  readonly habits?: Pick<ExpertsOp, "clamped" | "everywhere" | "sharedFirst" | "weights">;
}

/**
 * Gated feed-forwards of all experts as transformers 5 stores them: `gate_up_proj` [experts, 2 × inner, width] and
 * `down_proj` [experts, width, inner]. Tensor parallelism cuts every expert's inner width.
 */
export function fusedExperts(options: ExpertsOptions): Module {
  const { inner, experts, gated = true } = options;
  const routed = { of: experts, picked: options.perToken };
  const width = options.latent ?? options.width;
  const first = gated ? "gate_up_proj" : "up_proj";
  const columns = gated ? 2 * inner : inner;
  const tensors: Tensor[] = options.transposed
    ? [
        { name: first, shape: [experts, width, columns], cut: { dim: 2, units: inner } },
        { name: "down_proj", shape: [experts, inner, width], cut: { dim: 1, units: inner } },
      ]
    : [
        { name: first, shape: [experts, columns, width], cut: { dim: 1, units: inner } },
        { name: "down_proj", shape: [experts, width, inner], cut: { dim: 2, units: inner } },
      ];
  const biases: Tensor[] = [
    { name: `${first}_bias`, shape: [experts, columns], cut: { dim: 1, units: inner } },
    { name: "down_proj_bias", shape: [experts, width] },
  ];
  return module(options.class, options.name ?? "experts", [], {
    tensors: [...tensors, ...(options.biased ? biases : [])].map((tensor) => ({
      ...tensor,
      routed,
    })),
  });
}

/** Scores of the experts for a token [experts, width]; `corrected`: with a bias in an fp32 buffer that balances the load. */
export function router(
  className: string,
  name: string,
  width: number,
  experts: number,
  options: { readonly bias?: boolean; readonly corrected?: boolean } = {},
): Module {
  const scores = linear(name, width, experts, { bias: options.bias ?? false, class: className });
  return options.corrected ? { ...scores, buffers: [correction(experts)] } : scores;
}

/** DeepSeek-V3's `e_score_correction_bias`. */
export const correction = (experts: number): DeviceBuffer => ({
  name: "e_score_correction_bias",
  shape: [experts],
  dtype: "fp32",
  persistent: true,
});

/** Qwen's shared expert: every token goes through it, weighted by a gate of its own. */
export const gatedSharedExpert = (classes: string, width: number, inner: number): Module[] => [
  gatedFeedForward(`${classes}MLP`, "shared_expert", width, inner),
  linear("shared_expert_gate", width, 1, { bias: false }),
];

/** A mixture of experts: the experts, and a router [experts, width] that picks `perToken` of them for every token. */
export function mixtureOfExperts(
  className: string,
  name: string,
  options: ExpertsOptions & {
    readonly router?: Module;
    /** Modules besides experts and router: shared experts and their gates. */
    readonly extra?: readonly Module[];
  },
): Module {
  const { width, inner, experts, perToken } = options;
  return module(
    className,
    name,
    [
      fusedExperts(options),
      options.router ?? linear("gate", width, experts, { bias: false, class: "TopKRouter" }),
      ...(options.extra ?? []),
    ],
    { op: { kind: "experts", width, inner, experts, perToken, ...options.habits } },
  );
}
