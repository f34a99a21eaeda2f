import type { ImageSize, ImageSizing } from "./cut.ts";
import { type ImageLengths, imageLengths, type VisionGeometry } from "./geometry.ts";

const known = new WeakMap<VisionGeometry, ImageLengths>();

/** The image that becomes the most tokens, or positions that are attended to: what a server sizes itself for. */
export function largestImage(geometry: VisionGeometry): ImageLengths {
  const before = known.get(geometry);
  if (before) return before;
  const all = shapes(geometry.sizing).map((size) => imageLengths(geometry, 1, size));
  const largest = all.reduce((a, b) => (weight(b) > weight(a) ? b : a));
  known.set(geometry, largest);
  return largest;
}

const weight = ({ tokens, crossPositions }: ImageLengths): number => tokens + crossPositions;

/** Sizes among which the largest is: those that fill all that a rule allows, in every shape. */
function shapes(sizing: ImageSizing): readonly [ImageSize, ...ImageSize[]] {
  switch (sizing.kind) {
    case "square":
    case "cross-attended":
      return [square(sizing.side)];
    case "native-resolution": {
      const unit = sizing.patch * sizing.merge;
      return [square(Math.max(1, Math.floor(Math.sqrt(sizing.mostPixels) / unit)) * unit)];
    }
    case "within-edge":
      return [square(sizing.longestEdge)];
    case "patch-budget":
      return grids(sizing.mostTokens, sizing.patch * sizing.pooling);
    case "pinpoint-tiles": {
      const sizes = sizing.resolutions.map(([height, width]) => ({ width, height }));
      return [square(sizing.side), ...sizes];
    }
    case "aspect-grid":
    case "best-canvas":
      return grids(sizing.mostTiles, sizing.side);
    case "full-crops":
      return grids(sizing.mostCrops, sizing.side);
    case "slices":
      return grids(sizing.mostSlices, sizing.side);
    default:
      return sizing satisfies never;
  }
}

const square = (side: number): ImageSize => ({ width: side, height: side });

/** Every grid of up to `most` squares, as full as it can be. */
function grids(most: number, side: number): readonly [ImageSize, ...ImageSize[]] {
  const sizes = Array.from({ length: most }, (_, index) => ({
    width: (index + 1) * side,
    height: Math.floor(most / (index + 1)) * side,
  }));
  return [square(side), ...sizes];
}
