import type { Dtype } from "../dtype.ts";
import type { Module } from "./module.ts";

/** The same part of a tree in a dtype that it keeps whatever the rest is loaded in (`_keep_in_fp32_modules_strict`). */
export function keptIn(dtype: Dtype, part: Module): Module {
  return {
    ...part,
    tensors: part.tensors.map((tensor) => ({ ...tensor, dtype })),
    ...(part.buffers && {
      buffers: part.buffers.map((buffer) =>
        buffer.dtype === "model" ? { ...buffer, dtype } : buffer,
      ),
    }),
    children: part.children.map((child) => keptIn(dtype, child)),
  };
}
