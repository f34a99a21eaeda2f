import type { ImageCut, ImageSize } from "./cut.ts";
import { tooLong } from "./refusal.ts";
import { roundHalfEven } from "./round.ts";

/** Images keep their size, rounded to whole tokens, within limits of area. */
export interface NativeResolution {
  readonly kind: "native-resolution";
  readonly patch: number;
  /** Patches per side that become one token. */
  readonly merge: number;
  readonly leastPixels: number;
  readonly mostPixels: number;
}

/** transformers 5.18, `models/qwen2_vl/image_processing_qwen2_vl.py`, `smart_resize`: longer than this it refuses. */
const MOST_RATIO = 200;

/** The rule of `smart_resize`, in the same place. */
export function nativeResolution(
  { patch, merge, leastPixels, mostPixels }: NativeResolution,
  { width, height }: ImageSize,
): ImageCut {
  if (Math.max(width, height) / Math.min(width, height) > MOST_RATIO)
    throw tooLong(
      { width, height },
      `one side is more than ${MOST_RATIO} times as long as the other`,
    );
  const factor = patch * merge;
  let high = roundHalfEven(height / factor) * factor;
  let wide = roundHalfEven(width / factor) * factor;
  if (high * wide > mostPixels) {
    const scale = Math.sqrt((height * width) / mostPixels);
    high = Math.max(factor, Math.floor(height / scale / factor) * factor);
    wide = Math.max(factor, Math.floor(width / scale / factor) * factor);
  } else if (high * wide < leastPixels) {
    const scale = Math.sqrt(leastPixels / (height * width));
    high = Math.ceil((height * scale) / factor) * factor;
    wide = Math.ceil((width * scale) / factor) * factor;
  }
  const patches = (high / patch) * (wide / patch);
  const tokens = patches / merge ** 2;
  return {
    tiles: 1,
    tilePatches: patches,
    tilePixels: high * wide,
    features: tokens,
    tokens,
    crossPositions: 0,
  };
}
