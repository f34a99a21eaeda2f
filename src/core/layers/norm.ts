import type { Module } from "../tree/module.ts";
import type { NormOp } from "../tree/op.ts";

/** Scale and shift over `width` values; neither of them unless `affine`. */
export function layerNorm(
  name: string,
  width: number,
  options: { bias?: boolean; class?: string; affine?: boolean } = {},
): Module {
  const { affine = true, bias = affine } = options;
  return {
    class: options.class ?? "LayerNorm",
    name,
    tensors: [
      ...(affine ? [{ name: "weight", shape: [width] }] : []),
      ...(bias ? [{ name: "bias", shape: [width] }] : []),
    ],
    op: { kind: "norm", width },
    children: [],
  };
}

/** Scale only (Zhang and Sennrich, 2019), computed in fp32; the model's dtype is back before the scale unless `keeps` says otherwise. */
export const rmsNorm = (
  name: string,
  width: number,
  className = "RMSNorm",
  keeps: NonNullable<NormOp["keeps"]> = "fp32",
): Module => ({
  ...layerNorm(name, width, { bias: false, class: className }),
  op: { kind: "norm", width, keeps },
});

/** An RMS norm whose scale is applied in fp32 too: Gemma's. */
export const rmsNormFp32 = (name: string, width: number, className: string): Module =>
  rmsNorm(name, width, className, "fp32-twice");

/** The same norm over each of `vectors` heads. */
export const perVector = (norm: Module, vectors: number): Module =>
  norm.op?.kind === "norm" ? { ...norm, op: { ...norm.op, vectors } } : norm;

/** Batch norm: scale and shift, and the running statistics that the checkpoint keeps beside them as buffers. */
export const batchNorm = (name: string, width: number, className = "BatchNorm1d"): Module => ({
  ...layerNorm(name, width, { class: className }),
  buffers: [
    { name: "running_mean", shape: [width], dtype: "model", persistent: true },
    { name: "running_var", shape: [width], dtype: "model", persistent: true },
    { name: "num_batches_tracked", shape: [], dtype: "int64", persistent: true },
  ],
});
