import type { Dtype } from "../dtype.ts";
import type { Model } from "../model.ts";
import type { Axis } from "../quantity/axis.ts";
import type { Product } from "../quantity/product.ts";
import type { Component } from "../tree/module.ts";

/** What memory is spent on. */
export const KINDS = ["weights", "kv-cache", "state", "activation", "input", "overhead"] as const;
export type Kind = (typeof KINDS)[number];

/**
 * How a number was come by: counted (`exact`), by a rule that its source states, `measured` on a device, or `assumed`.
 */
export type Basis = "exact" | "rule" | "measured" | "assumed";

/** The stretches of a run. `all`: an accounting that holds everything at once. */
export const PHASES = ["load", "encode", "prefill", "decode", "all"] as const;
export type Phase = (typeof PHASES)[number];

/** A named amount inside a peak: one buffer that is alive at that moment. */
export interface HeldBuffer {
  readonly label: string;
  readonly size: Product;
}

/** One moment at which memory could peak, with everything transient that is alive then. */
export interface Moment {
  readonly at: string;
  readonly buffers: readonly HeldBuffer[];
  /** The moment only occurs where an axis has at least this length. */
  readonly when?: { readonly axis: Axis; readonly atLeast: number };
}

/** An amount of bytes as a formula: a sum, or the largest of several moments. */
export type Amount = { readonly sum: readonly Product[] } | { readonly peakOf: readonly Moment[] };

/** One line of the ledger before the lengths are known. */
export interface LinePlan {
  readonly label: string;
  readonly component: Component | "runtime";
  readonly kind: Kind;
  readonly basis: Basis;
  readonly source: string;
  /** What the line takes in each phase in which it is alive. */
  readonly alive: Readonly<Partial<Record<Phase, Amount>>>;
}

/** Everything about a run that does not depend on its lengths. */
export interface Setup {
  /** Dtype of the stored weights. */
  readonly precision: Dtype;
  /** Dtype that activations have. */
  readonly compute: Dtype;
  readonly kvCache: Dtype;
  readonly tensorParallel: number;
  readonly attention: AttentionKernel;
}

/** How attention is computed: with kernels that never hold the scores (`sdpa`), or in plain steps that do (`eager`). */
export type AttentionKernel = "sdpa" | "eager";

/** The rules of one runtime: who keeps what, and when. */
export interface Engine {
  readonly name: string;
  /** One sentence: whose rules these are. */
  readonly summary: string;
  readonly phases: (model: Model) => readonly Phase[];
  plan(model: Model, setup: Setup): readonly LinePlan[];
}
