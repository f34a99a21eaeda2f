import type { ImageCut, ImageSize } from "./cut.ts";

/** Tiles of the canvas that the image fits best, and the whole image beside them where they are several. */
export interface BestCanvas {
  readonly kind: "best-canvas";
  readonly side: number;
  readonly tilePatches: number;
  readonly tokensPerTile: number;
  readonly mostTiles: number;
}

/**
 * transformers 5.18, `models/llama4/processing_llama4.py`, `_prompt_split_image`: tokens for the image's start, its whole, and
 * its end; with several tiles one after each, which is the separator of columns or of rows.
 */
const AROUND = 3;

export function bestCanvas(sizing: BestCanvas, size: ImageSize): ImageCut {
  const grid = fitted(size, sizing);
  const tiles = grid > 1 ? grid + 1 : 1;
  const features = tiles * sizing.tokensPerTile;
  return {
    tiles,
    tilePatches: sizing.tilePatches,
    tilePixels: sizing.side ** 2,
    features,
    tokens: features + AROUND + (grid > 1 ? grid : 0),
    crossPositions: 0,
  };
}

/**
 * Tiles of the canvas that asks for the least enlargement, or else for the least reduction; of several that ask for the same,
 * the smallest. Source: the same model's `image_processing_llama4.py`, `get_best_fit`, which computes in fp32.
 */
function fitted({ width, height }: ImageSize, { side, mostTiles }: BestCanvas): number {
  let best = 1;
  let bestScale = 0;
  for (let rows = 1; rows <= mostTiles; rows++) {
    for (let columns = 1; rows * columns <= mostTiles; columns++) {
      const scale = Math.min(
        Math.fround((columns * side) / width),
        Math.fround((rows * side) / height),
      );
      const closer =
        scale >= 1 ? bestScale < 1 || scale < bestScale : bestScale < 1 && scale > bestScale;
      if (closer || (scale === bestScale && rows * columns < best)) {
        best = rows * columns;
        bestScale = scale;
      }
    }
  }
  return best;
}
