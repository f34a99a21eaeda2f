import { bytesOf, type Dtype, deviceBuffers, findDtype, type Model } from "llm-memory-calculator";

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

interface BufferBytes {
  readonly persistent: number;
  readonly computed: number;
}

/**
 * Bytes of buffers as the reference may build them: on the meta device its own modules are fp32, but models inside it have
 * the dtype that the config states (CSM's codec).
 */
export function bufferBytes({ root, dtype: stated }: Model): readonly BufferBytes[] {
  const bytes = (persistent: boolean, own: Dtype) =>
    deviceBuffers(root)
      .filter((buffer) => buffer.persistent === persistent)
      .reduce((sum, { elements, dtype }) => sum + elements * bytesOf(findDtype(dtype) ?? own), 0);
  return [...new Set<Dtype>(["fp32", stated ?? "fp32"])].map((own) => ({
    persistent: bytes(true, own),
    computed: bytes(false, own),
  }));
}

export const truthBytes = (truth: Truth): BufferBytes => ({
  persistent: truth.persistent_buffer_bytes,
  computed: truth.nonpersistent_buffer_bytes,
});
