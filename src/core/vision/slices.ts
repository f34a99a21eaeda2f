import type { ImageCut, ImageSize } from "./cut.ts";
import { roundHalfEven } from "./round.ts";

/** The image whole, and again in slices of about a square's area; each becomes as many tokens, whatever its shape. */
export interface Slices {
  readonly kind: "slices";
  /** Side of the square. */
  readonly side: number;
  readonly patch: number;
  readonly mostSlices: number;
  readonly tokensPerSlice: number;
}

/** openbmb/MiniCPM-o-2_6, `image_processing_minicpmv.py`: an image's number between two marks; two marks around each slice. */
const NUMBER = 3;
const AROUND = 2;

/**
 * The same file, `get_sliced_grid`, `find_best_resize`, `get_refine_size`, `get_slice_image_placeholder`; rows of slices are
 * kept apart by a line break.
 */
export function slices(sizing: Slices, size: ImageSize): ImageCut {
  const { side, patch, tokensPerSlice } = sizing;
  const grid = slicedGrid(sizing, size);
  const whole = resized(size, side, patch, grid === undefined);
  const slice =
    grid &&
    resized(
      {
        width: divisible(size.width, grid.columns) / grid.columns,
        height: divisible(size.height, grid.rows) / grid.rows,
      },
      side,
      patch,
      true,
    );
  const tiles = 1 + (grid ? grid.columns * grid.rows : 0);
  // All are padded to the largest of them.
  const tilePatches = Math.max(whole, slice ?? 0);
  const features = tiles * tokensPerSlice;
  return {
    tiles,
    tilePatches,
    tilePixels: tilePatches * patch ** 2,
    features,
    tokens: NUMBER + features + tiles * AROUND + (grid ? grid.rows - 1 : 0),
    crossPositions: 0,
  };
}

const divisible = (length: number, by: number): number =>
  Math.max(roundHalfEven(length / by) * by, by);

/** Patches of an image that is brought to the square's area; a smaller one stays as it is unless `always`. */
function resized(
  { width, height }: ImageSize,
  side: number,
  patch: number,
  always: boolean,
): number {
  let [high, wide] = [height, width];
  if (width * height > side ** 2 || always) {
    const ratio = width / height;
    high = Math.trunc(side / Math.sqrt(ratio));
    wide = Math.trunc(high * ratio);
  }
  return (divisible(wide, patch) / patch) * (divisible(high, patch) / patch);
}

function slicedGrid(
  { side, mostSlices }: Slices,
  { width, height }: ImageSize,
): { readonly columns: number; readonly rows: number } | undefined {
  const wanted = Math.min(Math.ceil((width * height) / side ** 2), mostSlices);
  if (wanted <= 1) return undefined;
  const ratio = Math.log(width / height);
  let best = { columns: 1, rows: 1 };
  let least = Number.POSITIVE_INFINITY;
  for (const count of [wanted - 1, wanted, wanted + 1]) {
    if (count === 1 || count > mostSlices) continue;
    for (let columns = 1; columns <= count; columns++) {
      if (count % columns !== 0) continue;
      const rows = count / columns;
      const error = Math.abs(ratio - Math.log(columns / rows));
      if (error < least) {
        best = { columns, rows };
        least = error;
      }
    }
  }
  return best;
}
