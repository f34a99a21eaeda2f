import { type Module, module } from "../tree/module.ts";

/** A table of sinusoids that is computed, not stored: an fp32 buffer. */
export const sinusoids = (
  name: string,
  className: string,
  rows: number,
  width: number,
  buffer = "positional_embedding",
): Module =>
  module(className, name, [], {
    buffers: [{ name: buffer, shape: [rows, width], dtype: "fp32", persistent: false }],
  });
