import type { ImageCut, ImageSize } from "./cut.ts";

/** The image whole, and again in tiles of the best fitting resolution of a list; a learned vector ends each of its rows. */
export interface PinpointTiles {
  readonly kind: "pinpoint-tiles";
  /** Side of a tile and of its patches. */
  readonly side: number;
  readonly patch: number;
  /** Positions of a tile that are no patches (a class token), and whether they are handed on with the whole image. */
  readonly extra: number;
  readonly extraKept: boolean;
  /** Height and width of each resolution. */
  readonly resolutions: readonly (readonly [number, number])[];
}

/** transformers 5.18, `models/llava_next/processing_llava_next.py`, `_get_number_of_features`. */
export function pinpointTiles(
  { side, patch, extra, extraKept, resolutions }: PinpointTiles,
  size: ImageSize,
): ImageCut {
  const [bestHeight, bestWidth] = bestResolution(size, resolutions) ?? [side, side];
  const rows = Math.floor(bestHeight / side);
  const columns = Math.floor(bestWidth / side);
  const across = Math.floor(side / patch);
  const [high, wide] = unpadded(size, across * rows, across * columns);
  const base = across ** 2 + (extraKept ? extra : 0);
  const tokens = high * wide + high + base;
  return {
    tiles: rows * columns + 1,
    tilePatches: across ** 2 + extra,
    tilePixels: side ** 2,
    features: tokens,
    tokens,
    crossPositions: 0,
  };
}

/** The resolution that wastes least of the image, then least of itself: `image_processing_utils.py`, `select_best_resolution`. */
function bestResolution(
  { width, height }: ImageSize,
  resolutions: PinpointTiles["resolutions"],
): readonly [number, number] | undefined {
  let best: readonly [number, number] | undefined;
  let mostUsed = 0;
  let leastWasted = Number.POSITIVE_INFINITY;
  for (const [high, wide] of resolutions) {
    const scale = Math.min(wide / width, high / height);
    const used = Math.min(Math.trunc(width * scale) * Math.trunc(height * scale), width * height);
    const wasted = wide * high - used;
    if (used > mostUsed || (used === mostUsed && wasted < leastWasted)) {
      mostUsed = used;
      leastWasted = wasted;
      best = [high, wide];
    }
  }
  return best;
}

/** Rows and columns of patches that are not padding: `_get_unpadded_features`. */
function unpadded({ width, height }: ImageSize, rows: number, columns: number): [number, number] {
  if (width / height > columns / rows) {
    const kept = Math.trunc(Number((height * (columns / width)).toFixed(ROUNDED)));
    return [rows - 2 * Math.floor((rows - kept) / 2), columns];
  }
  const kept = Math.trunc(Number((width * (rows / height)).toFixed(ROUNDED)));
  return [rows, columns - 2 * Math.floor((columns - kept) / 2)];
}

/** Decimals that the reference rounds to before it cuts off the rest. */
const ROUNDED = 7;
