import { bytesOf, deviceBuffers, findDtype, type Module } from "llm-memory-calculator";

/** What the reference implementation builds from a config (validation/parameters.py). */
export interface Truth {
  readonly total: number;
  readonly tied: readonly (readonly [string, string])[];
  readonly persistent_buffer_bytes: number;
  readonly nonpersistent_buffer_bytes: number;
  readonly tensors: readonly (readonly [string, readonly number[]])[];
}

/** Every name that a pattern such as `layers.{0-2,5}.weight` stands for. */
function expand(pattern: string): string[] {
  const hit = /\{([\d,-]+)\}/.exec(pattern);
  if (!hit) return [pattern];
  const indices = (hit[1] ?? "").split(",").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return indices.flatMap((index) => expand(pattern.replace(hit[0], String(index))));
}

export const named = (rows: Truth["tensors"]): Record<string, string> =>
  Object.fromEntries(
    rows.flatMap(([name, shape]) => expand(name).map((full) => [full, shape.join("×")])),
  );

export const pairs = (rows: Truth["tied"]): string[] =>
  rows
    .flatMap(([name, owner]) => {
      const owners = expand(owner);
      return expand(name).map((full, i) => `${full} = ${owners[i % owners.length]}`);
    })
    .sort();

/** Bytes of buffers as the reference builds them: what follows the model's dtype is fp32 there. */
export function bufferBytes(root: Module): { persistent: number; computed: number } {
  const bytes = (persistent: boolean) =>
    deviceBuffers(root)
      .filter((buffer) => buffer.persistent === persistent)
      .reduce(
        (sum, { elements, dtype }) => sum + elements * bytesOf(findDtype(dtype) ?? "fp32"),
        0,
      );
  return { persistent: bytes(true), computed: bytes(false) };
}
