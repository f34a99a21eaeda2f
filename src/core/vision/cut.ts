import type { AspectGrid } from "./aspect-grid.ts";
import type { BestCanvas } from "./best-canvas.ts";
import type { FullCrops } from "./full-crops.ts";
import type { NativeResolution } from "./native-resolution.ts";
import type { PatchBudget } from "./patch-budget.ts";
import type { PinpointTiles } from "./pinpoint-tiles.ts";
import type { Slices } from "./slices.ts";
import type { WithinEdge } from "./within-edge.ts";

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** What one image becomes. */
export interface ImageCut {
  readonly tiles: number;
  readonly tilePatches: number;
  readonly tilePixels: number;
  readonly features: number;
  readonly tokens: number;
  readonly crossPositions: number;
}

/** Every image is resized to one square and becomes as many tokens. */
interface Square {
  readonly kind: "square";
  readonly side: number;
  /** Positions in the encoder, a class token included. */
  readonly patches: number;
  readonly tokens: number;
}

/** As many tiles as a canvas has room for, filled or not; the decoder attends to all of their positions. */
interface CrossAttended {
  readonly kind: "cross-attended";
  readonly side: number;
  readonly tiles: number;
  /** Positions of a tile that are handed on, and with those that the encoder pads it by. */
  readonly patches: number;
  readonly paddedPatches: number;
}

/** How a processor resizes and cuts an image. One file each, where there is something to work out. */
export type ImageSizing =
  | Square
  | NativeResolution
  | WithinEdge
  | PatchBudget
  | PinpointTiles
  | AspectGrid
  | BestCanvas
  | CrossAttended
  | FullCrops
  | Slices;
