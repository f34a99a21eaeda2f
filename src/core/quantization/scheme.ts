import type { Dtype } from "../dtype.ts";
import type { Component } from "../tree/module.ts";
import type { AttentionOp } from "../tree/op.ts";

/** What a tensor is to a quantiser. `router`: picks the experts; every format and every engine leaves it as it is. */
export type Role = "linear" | "experts" | "router" | "head" | "embedding" | "other";

/** A tensor under the name of one of its copies. */
export interface Weight {
  /** Name of the module; for fused experts that of the first one's matrix ("model.layers.3.mlp.experts.0.gate_proj"). */
  readonly name: string;
  readonly role: Role;
  readonly component: Component;
  readonly shape: readonly number[];
  /** Position in the outermost stack, and how many positions that stack has. */
  readonly layer: number;
  readonly layers: number;
  /** A token table whose storage the head shares. */
  readonly tied: boolean;
  /** The attention that it belongs to. */
  readonly attention: AttentionOp | undefined;
  /** Experts in the model's mixtures; 1 without. */
  readonly experts: number;
}

/** `y = x Wᵀ` on one rank: how much of it is stored there, and how it is divided into formats' units. */
export interface Matrix {
  /** Outputs and inputs that this rank holds. */
  readonly rows: number;
  readonly columns: number;
  /** Inputs of the whole matrix: more than `columns` where ranks share them. */
  readonly allColumns: number;
  /** Matrices of this shape that one tensor holds (experts). */
  readonly count: number;
  /** Matrices that were laid on top of each other and keep scales of their own (gate and up). */
  readonly pieces: number;
}

/** What is stored of a tensor: `count` values of `size` bytes. */
export interface Part {
  readonly what: string;
  readonly count: number;
  readonly size: number;
  readonly unit: string;
}

/** For whom a tensor is stored. */
export interface Holder {
  /** Dtype of what is not quantised, and of scales that follow the model's. */
  readonly rest: Dtype;
  /** A serving engine, which runs the towers of the reference unquantised. */
  readonly serves: boolean;
}

/** How the weight of one layer is stored. */
export interface Format {
  readonly parts: (matrix: Matrix, holder: Holder) => readonly Part[];
  /** Stored as numbers, not as codes: counts among what is not quantised. */
  readonly plain?: true;
}

/** Copies of a tensor that a checkpoint holds alike. */
export interface StoredCopies {
  readonly copies: number;
  readonly parts: readonly Part[];
  /** As codes; otherwise as numbers of a dtype. */
  readonly packed: boolean;
}

/** Which tensors are stored how. */
export interface Scheme {
  /** "AWQ 4-bit, groups of 128" */
  readonly name: string;
  /** `exact`: config or option state everything that the size depends on. */
  readonly basis: "exact" | "rule";
  /** Where the layout is laid down. */
  readonly source: string;
  /** Whether other copies of this one can be stored in another way: each is then asked for by its own name. */
  differs(weight: Weight): boolean;
  /** Undefined: stored as the model's other tensors are. */
  formatOf(weight: Weight): Format | undefined;
  /**
   * What a checkpoint's header has of a tensor, named with the positions of its stack ("layers.{0-31}.fc1.weight"); copies
   * that are left out are numbers. Undefined: nothing, and {@link formatOf} decides.
   */
  stored?(pattern: string): readonly StoredCopies[] | undefined;
  /** The dtype that engines which keep no blocks unpack them to. */
  readonly unpacksTo?: Dtype;
}

export const part = (what: string, count: number, size: number, unit: string): Part => ({
  what,
  count,
  size,
  unit,
});
