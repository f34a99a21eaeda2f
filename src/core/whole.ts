import { InputError, shown } from "./errors.ts";
import { grouped } from "./units.ts";

/** 2³¹ tokens: beyond these a number is a mistake, not a plan. */
export const MAX_TOKENS = 2 ** 31;

/** `maxModelLen` → `--max-model-len` */
export const flagOf = (option: string): string =>
  `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

export function whole(value: unknown, option: string, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most)
    return value;
  throw new InputError(
    "out-of-range",
    `${flagOf(option)} is ${shown(value)}, but must be a whole number from 1 to ${grouped(most)}.`,
    option,
  );
}
