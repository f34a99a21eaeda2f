import type { RawConfig } from "../config/raw.ts";
import { integer, or, reader } from "../config/schema.ts";
import { grouped } from "../units.ts";
import type { VisionGeometry } from "../vision/geometry.ts";
import type { Context } from "./family.ts";

/**
 * Pixels between which the processor scales an image. They are its settings and not the model's, so that no config.json
 * states them; what the published preprocessor_config.json files of a generation say (class defaults of `Qwen2VLImageProcessor`:
 * 56² and 28² × 1,280).
 */
interface PixelLimits {
  readonly least: number;
  readonly most: number;
  /** Whose file says so. */
  readonly said: string;
}
/** Qwen/Qwen2-VL-7B-Instruct, Qwen2.5-VL-7B-Instruct and Qwen2.5-Omni-7B. */
export const PIXELS_OF_QWEN2_VL: PixelLimits = {
  least: 3136,
  most: 12_845_056,
  said: "as the published preprocessor_config.json says (min_pixels, max_pixels)",
};
/** Its processor is Qwen2-VL's; the file of Qwen/Qwen3-Omni-30B-A3B-Instruct itself was not at hand. */
export const PIXELS_OF_QWEN3_OMNI: PixelLimits = {
  ...PIXELS_OF_QWEN2_VL,
  said: "as Qwen2-VL's preprocessor_config.json says, because this model's own was not at hand (min_pixels, max_pixels)",
};
/** Qwen/Qwen3-VL-8B-Instruct. */
export const PIXELS_OF_QWEN3_VL: PixelLimits = {
  least: 65_536,
  most: 16_777_216,
  said: "as the published preprocessor_config.json says (size)",
};

/** What all generations of its config say about patches, by the side that a class takes where the config states none. */
const fields = (patch: number) => ({
  in_channels: or(integer(1, 1024), 3),
  patch_size: or(integer(1, 65536), patch),
  spatial_merge_size: or(integer(1, 1024), 2),
  temporal_patch_size: or(integer(1, 1024), 2),
});
const readImages = { 14: reader(() => fields(14)), 16: reader(() => fields(16)) };

/** @param patch side of a patch where the config states none. */
export function qwenImages(
  raw: RawConfig,
  context: Context,
  patch: keyof typeof readImages,
  { least, most, said }: PixelLimits,
): VisionGeometry {
  const config = readImages[patch](raw, context);
  return {
    sizing: {
      kind: "native-resolution",
      patch: config.patch_size,
      merge: config.spatial_merge_size,
      leastPixels: least,
      mostPixels: most,
    },
    // A still image stands for as many frames as a patch is long.
    pixelValues: config.in_channels * config.temporal_patch_size,
    assumed: `Images are scaled to between ${grouped(least)} and ${grouped(most)} pixels, ${said}.`,
  };
}
