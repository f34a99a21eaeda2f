import type { Module } from "../tree/module.ts";

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

/** Scale only (Zhang and Sennrich, 2019). */
export const rmsNorm = (name: string, width: number, className = "RMSNorm"): Module =>
  layerNorm(name, width, { bias: false, class: className });
