import { mixtureOfExperts, router } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import type { Module } from "../tree/module.ts";

export interface SharedExperts {
  readonly n_routed_experts: number;
  readonly n_shared_experts: number;
  readonly num_experts_per_tok: number;
  readonly moe_intermediate_size: number;
}

interface Names {
  /** Prefix of the class names. */
  readonly classes: string;
  /** Class of the mixture; `<classes>MoE` unless stated. */
  readonly mixture?: string;
  /** Whether a buffer corrects the router's scores. True unless stated. */
  readonly corrected?: boolean;
  /** On the matrices of the shared experts. */
  readonly bias?: boolean;
  readonly weights?: "fp32";
}

/** DeepSeek's mixture: routed experts, and shared ones in one feed-forward that every token goes through. */
export function sharedExperts(width: number, config: SharedExperts, names: Names): Module {
  const { classes, bias = false, corrected = true, weights } = names;
  const { moe_intermediate_size: inner, n_routed_experts: experts } = config;
  const shared = config.n_shared_experts * inner;
  return mixtureOfExperts(names.mixture ?? `${classes}MoE`, "mlp", {
    class: `${classes}Experts`,
    width,
    inner,
    experts,
    perToken: config.num_experts_per_tok,
    router: router(`${classes}TopkRouter`, "gate", width, experts, { corrected }),
    extra:
      shared > 0
        ? [gatedFeedForward(`${classes}MLP`, "shared_experts", width, shared, { bias })]
        : [],
    ...(weights && { habits: { weights } }),
  });
}
