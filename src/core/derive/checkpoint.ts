import { elements } from "../tree/tensor.ts";

/** One tensor as a checkpoint's header states it; `dtype` in the format's own word ("BF16", "Q4_K"). */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** What the headers of a checkpoint's files say. */
export interface Checkpoint {
  /** The file, folder or repository with its revision. */
  readonly source: string;
  readonly format: "safetensors" | "gguf";
  readonly tensors: readonly StoredTensor[];
  /** What is odd about the files, as sentences. */
  readonly notes: readonly string[];
}

export interface StoredShare {
  readonly dtype: string;
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
}

/** A checkpoint's exact bytes by dtype, the largest share first. */
export function storedByDtype(tensors: readonly StoredTensor[]): readonly StoredShare[] {
  const shares = new Map<string, { tensors: number; elements: number; bytes: number }>();
  for (const { dtype, shape, bytes } of tensors) {
    const share = shares.get(dtype) ?? { tensors: 0, elements: 0, bytes: 0 };
    share.tensors += 1;
    share.elements += elements(shape);
    share.bytes += bytes;
    shares.set(dtype, share);
  }
  return [...shares]
    .map(([dtype, share]) => ({ dtype, ...share }))
    .sort((a, b) => b.bytes - a.bytes);
}
