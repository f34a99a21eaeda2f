import { InputError } from "../errors.ts";
import type { ImageSize } from "./cut.ts";

/** An image of a shape that the model's processor refuses. @param why as the end of a sentence. */
export const tooLong = ({ width, height }: ImageSize, why: string): InputError =>
  new InputError(
    "does-not-fit",
    `--image-size is ${width}x${height}, which this model's processor refuses, because ${why}: crop the image.`,
    "imageSize",
  );
