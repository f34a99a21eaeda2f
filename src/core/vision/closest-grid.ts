import type { ImageSize } from "./cut.ts";

interface Grid {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The grid of tiles whose shape is closest to the image's. Among equally close ones more tiles win while the image covers
 * more than half of them. Source: transformers 5.18, `models/got_ocr2/image_processing_got_ocr2.py`, `get_optimal_tiled_canvas`,
 * and `models/phi4_multimodal/image_processing_phi4_multimodal.py`, `find_closest_aspect_ratio`.
 */
export function closestGrid(
  { width, height }: ImageSize,
  side: number,
  least: number,
  most: number,
): Grid {
  const ratio = width / height;
  let best: Grid = { columns: 1, rows: 1 };
  let bestDifference = Number.POSITIVE_INFINITY;
  for (const grid of grids(least, most)) {
    const difference = Math.abs(ratio - grid.columns / grid.rows);
    if (difference < bestDifference) {
      bestDifference = difference;
      best = grid;
    } else if (
      difference === bestDifference &&
      width * height > 0.5 * side * side * grid.columns * grid.rows
    )
      best = grid;
  }
  return best;
}

/** All grids of that many tiles, by number of tiles, then by columns. */
function grids(least: number, most: number): Grid[] {
  const found: Grid[] = [];
  for (let columns = 1; columns <= most; columns++)
    for (let rows = 1; columns * rows <= most; rows++)
      if (columns * rows >= least) found.push({ columns, rows });
  return found.sort((a, b) => a.columns * a.rows - b.columns * b.rows);
}
