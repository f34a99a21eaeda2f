import type { Dtype } from "../dtype.ts";

/**
 * How tensor parallelism divides a tensor: along `dim`, into `units` pieces that cannot be divided further (attention
 * heads, output rows). With more ranks than units, units are repeated (grouped key/value heads are).
 */
export interface Cut {
  readonly dim: number;
  readonly units: number;
}

/** A tensor that holds `of` experts in equal parts, of which every token goes through `picked`. */
export interface Routed {
  readonly of: number;
  readonly picked: number;
}

/** One tensor of a module, named as in the reference implementation ("weight", "bias", "A_log"). */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Undefined: a full copy on every rank. */
  readonly cut?: Cut;
  /** Set where the reference keeps this dtype whatever the model's is. */
  readonly dtype?: Dtype;
  /** Set where the reference keeps another dtype than the model's for some of these (`_keep_in_fp32_modules`: fp32 for fp16). */
  readonly dtypeFor?: Readonly<Partial<Record<Dtype, Dtype>>>;
  /** The full name of the tensor whose storage this one shares; it then takes no memory of its own. */
  readonly tiedTo?: string;
  /** Undefined: every token meets all of it. */
  readonly routed?: Routed;
}

/** A tensor on the device that is no parameter: batch-norm statistics, rotary frequencies, position tables. */
export interface DeviceBuffer {
  readonly name: string;
  readonly shape: readonly number[];
  /** "model": converted with the model's own dtype. */
  readonly dtype: Dtype | "model";
  /** Stored in the checkpoint (persistent) or computed when the model is built. */
  readonly persistent: boolean;
}

export function elements(shape: readonly number[]): number {
  let n = 1;
  for (const size of shape) n *= size;
  return n;
}

/** Elements of `tensor` that the fullest of `ranks` ranks holds. */
export function elementsPerRank(tensor: Tensor, ranks: number): number {
  const all = elements(tensor.shape);
  if (ranks === 1 || !tensor.cut) return all;
  const { units } = tensor.cut;
  return (all / units) * Math.ceil(units / ranks);
}
