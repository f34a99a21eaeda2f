import type { ImageCut, ImageSize } from "./cut.ts";
import { tooLong } from "./refusal.ts";

/** Images keep their size up to a longest edge; every row of tokens ends with one of its own. */
export interface WithinEdge {
  readonly kind: "within-edge";
  readonly patch: number;
  readonly merge: number;
  readonly longestEdge: number;
}

/** transformers 5.18, `models/pixtral/image_processing_pixtral.py`, `get_resize_output_image_size`; `processing_pixtral.py`. */
export function withinEdge(
  { patch, merge, longestEdge }: WithinEdge,
  { width, height }: ImageSize,
): ImageCut {
  const unit = patch * merge;
  const ratio = Math.max(height / longestEdge, width / longestEdge);
  const [high, wide] =
    ratio > 1 ? [Math.floor(height / ratio), Math.floor(width / ratio)] : [height, width];
  if (Math.min(high, wide) < 1)
    throw tooLong({ width, height }, "nothing would be left of its shorter side");
  const rows = Math.floor((high - 1) / unit) + 1;
  const columns = Math.floor((wide - 1) / unit) + 1;
  const features = rows * columns;
  return {
    tiles: 1,
    tilePatches: features * merge ** 2,
    tilePixels: features * unit ** 2,
    features,
    tokens: rows * (columns + 1),
    crossPositions: 0,
  };
}
