import { type Checkpoint, type StoredShare, storedByDtype } from "../derive/checkpoint.ts";
import type { Comparison, ShapeDifference } from "../derive/compare.ts";
import { type Bytes, bytes } from "../units.ts";

/** What the checkpoint's own headers say, and how the described tree agrees with them. */
export interface CheckpointReport {
  /** The file, folder or repository with its revision. */
  readonly source: string;
  readonly format: Checkpoint["format"];
  readonly tensors: number;
  /** Bytes that the tensors take on disk, exactly. */
  readonly bytes: Bytes;
  readonly stored: readonly StoredShare[];
  /** Null where there is no tree to compare with, or none under these names. */
  readonly comparison: ReportedComparison | null;
}

export interface ReportedComparison {
  /** Tensors of the checkpoint that the tree has too, with the same shape. */
  readonly verified: number;
  /** Tensors that stand packed, or as scales, in the place of one of the tree's. */
  readonly quantised: number;
  /** How many differ, and the first of them. */
  readonly shapes: Some<ShapeDifference>;
  readonly missing: Some<string>;
  readonly unexpected: Some<string>;
}

export interface Some<T> {
  readonly count: number;
  readonly first: readonly T[];
}

/** Differences that are listed; what is beyond them is counted. */
const LISTED = 8;

export function reportCheckpoint(
  { source, format, tensors }: Checkpoint,
  comparison: Comparison | undefined,
): CheckpointReport {
  const stored = storedByDtype(tensors);
  return {
    source,
    format,
    tensors: tensors.length,
    bytes: bytes(stored.reduce((sum, share) => sum + share.bytes, 0)),
    stored,
    comparison: comparison
      ? {
          verified: comparison.verified,
          quantised: comparison.quantised,
          shapes: some(comparison.shapes),
          missing: some(comparison.missing),
          unexpected: some(comparison.unexpected),
        }
      : null,
  };
}

const some = <T>(list: readonly T[]): Some<T> => ({
  count: list.length,
  first: list.slice(0, LISTED),
});
