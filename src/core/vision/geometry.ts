import { aspectGrid } from "./aspect-grid.ts";
import { bestCanvas } from "./best-canvas.ts";
import type { ImageCut, ImageSize, ImageSizing } from "./cut.ts";
import { fullCrops } from "./full-crops.ts";
import { nativeResolution } from "./native-resolution.ts";
import { patchBudget } from "./patch-budget.ts";
import { pinpointTiles } from "./pinpoint-tiles.ts";
import { slices } from "./slices.ts";
import { withinEdge } from "./within-edge.ts";

/**
 * From an image's size to patches and tokens, as data that every family states for itself and that the report prints
 * ("2 images of 1024×768 → 7,992 patches → 1,998 tokens").
 */
export interface VisionGeometry {
  readonly sizing: ImageSizing;
  /** Values of each pixel that the model takes: channels, times the frames that a still image stands for. */
  readonly pixelValues: number;
  /** What was taken of the processor's published settings, which config.json does not hold. */
  readonly assumed?: string;
}

/** What the images become. Per sequence, except where a name says image or tile. */
export interface ImageLengths {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** Pieces of one image that run through the encoder side by side; 1 where it runs whole. */
  readonly imageTiles: number;
  /** Positions of one tile in the encoder. */
  readonly tilePatches: number;
  readonly tilePixels: number;
  /** Positions in the encoder of all tiles of all images. */
  readonly patches: number;
  /** Vectors that the projector hands on. */
  readonly features: number;
  /** Tokens in the language model's context: a place for each vector, and what the processor puts between them. */
  readonly tokens: number;
  /** Positions that the decoder attends to, where it cross-attends instead. */
  readonly crossPositions: number;
}

/**
 * What `count` images of one size become.
 * @throws InputError for a shape that the model's own processor refuses.
 */
export function imageLengths(
  { sizing }: VisionGeometry,
  count: number,
  size: ImageSize,
): ImageLengths {
  const cut = cutOf(sizing, size);
  return {
    count,
    width: size.width,
    height: size.height,
    imageTiles: cut.tiles,
    tilePatches: cut.tilePatches,
    tilePixels: cut.tilePixels,
    patches: count * cut.tiles * cut.tilePatches,
    features: count * cut.features,
    tokens: count * cut.tokens,
    crossPositions: count * cut.crossPositions,
  };
}

function cutOf(sizing: ImageSizing, size: ImageSize): ImageCut {
  switch (sizing.kind) {
    case "square":
      return {
        tiles: 1,
        tilePatches: sizing.patches,
        tilePixels: sizing.side ** 2,
        features: sizing.tokens,
        tokens: sizing.tokens,
        crossPositions: 0,
      };
    case "native-resolution":
      return nativeResolution(sizing, size);
    case "within-edge":
      return withinEdge(sizing, size);
    case "patch-budget":
      return patchBudget(sizing, size);
    case "pinpoint-tiles":
      return pinpointTiles(sizing, size);
    case "aspect-grid":
      return aspectGrid(sizing, size);
    case "best-canvas":
      return bestCanvas(sizing, size);
    case "cross-attended":
      return {
        tiles: 1,
        tilePatches: sizing.tiles * sizing.paddedPatches,
        tilePixels: sizing.tiles * sizing.side ** 2,
        features: 0,
        tokens: 0,
        crossPositions: sizing.tiles * sizing.patches,
      };
    case "full-crops":
      return fullCrops(sizing, size);
    case "slices":
      return slices(sizing, size);
    default:
      return sizing satisfies never;
  }
}
