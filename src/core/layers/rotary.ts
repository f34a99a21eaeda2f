import type { Module } from "../tree/module.ts";

/**
 * Rotary frequencies, kept by transformers as two fp32 tables of half the rotated width (`inv_freq`, and
 * `original_inv_freq` to return to after dynamic scaling); one pair per kind of layer where kinds differ.
 */
export function rotary(
  name: string,
  className: string,
  rotated: number,
  kinds: readonly string[] = [""],
): Module {
  return {
    class: className,
    name,
    tensors: [],
    buffers: kinds.flatMap((kind) =>
      ["inv_freq", "original_inv_freq"].map((table) => ({
        name: kind === "" ? table : `${kind}_${table}`,
        shape: [Math.ceil(rotated / 2)],
        dtype: "fp32" as const,
        persistent: false,
      })),
    ),
    children: [],
  };
}
