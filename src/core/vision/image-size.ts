import { InputError, shown } from "../errors.ts";
import { grouped } from "../units.ts";
import type { ImageSize } from "./cut.ts";

/** The longest side that a JPEG can have: beyond it a number is a mistake, not a picture. */
const MAX_SIDE = 65_535;

const FLAG = "--image-size";

/** Reads "1024x768": width × height in pixels. @throws InputError naming the option. */
export function parseImageSize(text: string, where = FLAG): ImageSize {
  const found = /^\s*(\d+)\s*[x×]\s*(\d+)\s*$/i.exec(text);
  if (!found) throw wrong(shown(text), where);
  return checked({ width: Number(found[1]), height: Number(found[2]) }, shown(text), where);
}

/** @throws InputError for what is no size, or none that an image has. */
export function checkImageSize(value: unknown): ImageSize {
  if (typeof value !== "object" || value === null) throw wrong(shown(value), FLAG);
  const { width, height } = value as { width?: unknown; height?: unknown };
  if (typeof width !== "number" || typeof height !== "number") throw wrong(shown(value), FLAG);
  return checked({ width, height }, `${width}x${height}`, FLAG);
}

function checked(size: ImageSize, said: string, where: string): ImageSize {
  const fits = (side: number) => Number.isInteger(side) && side >= 1 && side <= MAX_SIDE;
  if (fits(size.width) && fits(size.height)) return size;
  throw wrong(said, where);
}

const wrong = (said: string, where: string): InputError =>
  new InputError(
    "out-of-range",
    `${where} is ${said}, but must be width × height in whole pixels from 1 to ${grouped(MAX_SIDE)}, such as 1024x768.`,
    "imageSize",
  );
