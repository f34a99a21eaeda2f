import { closestGrid } from "./closest-grid.ts";
import type { ImageCut, ImageSize } from "./cut.ts";

/** Tiles in the grid that is closest to the image's shape, and the whole image beside them where they are several. */
export interface AspectGrid {
  readonly kind: "aspect-grid";
  readonly side: number;
  /** Positions of a tile in the encoder. */
  readonly tilePatches: number;
  readonly tokensPerTile: number;
  readonly mostTiles: number;
}

/** A token before the image and one after it: transformers 5.18, `models/internvl/processing_internvl.py`. */
const AROUND = 2;

/** The same file, `_get_num_multimodal_tokens`. */
export function aspectGrid(sizing: AspectGrid, size: ImageSize): ImageCut {
  const { columns, rows } = closestGrid(size, sizing.side, 1, sizing.mostTiles);
  const tiles = columns * rows > 1 ? columns * rows + 1 : 1;
  const features = tiles * sizing.tokensPerTile;
  return {
    tiles,
    tilePatches: sizing.tilePatches,
    tilePixels: sizing.side ** 2,
    features,
    tokens: features + AROUND,
    crossPositions: 0,
  };
}
