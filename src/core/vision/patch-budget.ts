import type { ImageCut, ImageSize } from "./cut.ts";
import { tooLong } from "./refusal.ts";

/** Images are scaled, up or down, to as many patches as a budget allows, and padded to all of it. */
export interface PatchBudget {
  readonly kind: "patch-budget";
  readonly patch: number;
  /** Patches per side that are pooled into one token. */
  readonly pooling: number;
  readonly mostTokens: number;
  /** Pooled before they reach the model, which then takes them as patches of that size. */
  readonly pooledFirst?: true;
}

/** transformers 5.18, `models/gemma4/image_processing_gemma4.py`, `get_aspect_ratio_preserving_size`. */
export function patchBudget(
  { patch, pooling, mostTokens, pooledFirst }: PatchBudget,
  { width, height }: ImageSize,
): ImageCut {
  const unit = patch * pooling;
  const budget = mostTokens * pooling ** 2;
  const scale = Math.sqrt((budget * patch ** 2) / (width * height));
  let rows = Math.floor((scale * height) / unit);
  let columns = Math.floor((scale * width) / unit);
  if (rows === 0 && columns === 0) throw tooLong({ width, height }, "nothing would be left of it");
  if (rows === 0) {
    rows = 1;
    columns = Math.min(Math.floor(width / height), mostTokens);
  } else if (columns === 0) {
    columns = 1;
    rows = Math.min(Math.floor(height / width), mostTokens);
  }
  return {
    tiles: 1,
    tilePatches: pooledFirst ? mostTokens : budget,
    tilePixels: budget * patch ** 2,
    features: rows * columns,
    tokens: rows * columns,
    crossPositions: 0,
  };
}
