import { closestGrid } from "./closest-grid.ts";
import type { ImageCut, ImageSize } from "./cut.ts";
import { tooLong } from "./refusal.ts";

/** The image whole, and again in as many crops as it covers at full size; rows and columns of padding become no tokens. */
export interface FullCrops {
  readonly kind: "full-crops";
  readonly side: number;
  readonly patch: number;
  readonly mostCrops: number;
}

/** Fewer pixels than this on one side, and the processor refuses. */
const LEAST_SIDE = 10;

/** transformers 5.18, `models/phi4_multimodal/image_processing_phi4_multimodal.py`, `dynamic_preprocess` and `_preprocess`. */
export function fullCrops({ side, patch, mostCrops }: FullCrops, size: ImageSize): ImageCut {
  const { width, height } = size;
  let columns = Math.ceil(width / side);
  let rows = Math.ceil(height / side);
  if (columns * rows > mostCrops) ({ columns, rows } = closestGrid(size, side, 1, mostCrops));
  const across = (columns * side) / width;
  const down = (rows * side) / height;
  const wide = across < down ? columns * side : Math.trunc(width * down);
  const high = across < down ? Math.trunc(height * across) : rows * side;
  if (Math.min(wide, high) < LEAST_SIDE)
    throw tooLong(size, `less than ${LEAST_SIDE} pixels would be left of one side`);
  const perSide = Math.floor(side / patch);
  const seen = {
    rows: seenAfterPooling(rows, perSide, Math.floor((rows * side - high) / patch)),
    columns: seenAfterPooling(columns, perSide, Math.floor((columns * side - wide) / patch)),
  };
  const pooled = Math.ceil(perSide / 2);
  // The whole image, a separator, the crops with one token at the end of each row, and the ends of the whole one's rows.
  const tokens = pooled ** 2 + 1 + seen.rows * seen.columns + seen.rows + pooled;
  return {
    tiles: columns * rows + 1,
    tilePatches: perSide ** 2,
    tilePixels: side ** 2,
    features: tokens,
    tokens,
    crossPositions: 0,
  };
}

/** Of every crop's patches each second one stands for two; those that are padding are not counted. */
function seenAfterPooling(crops: number, perSide: number, padding: number): number {
  let count = 0;
  for (let crop = 0; crop < crops; crop++)
    for (let at = 0; at < perSide; at += 2)
      if (crop * perSide + at < crops * perSide - padding) count++;
  return count;
}
