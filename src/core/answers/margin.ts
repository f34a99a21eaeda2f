import { InputError, shown } from "../errors.ts";
import { type Bytes, bytes, parseSize } from "../units.ts";

/** What is to be left free on every device: the user's own margin, never ours. */
export type Margin = { readonly bytes: number } | { readonly share: number };

/** Nothing is kept free unless it is asked for. */
export const NO_MARGIN: Margin = { bytes: 0 };

export const marginOf = (margin: Margin, memory: number): Bytes =>
  bytes("bytes" in margin ? margin.bytes : margin.share * memory);

/** Reads "1GiB" or "10%". @throws InputError for anything else. */
export function parseMargin(text: string): Margin {
  const percent = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text);
  if (!percent) {
    if (text.includes("%") || /^\s*[\d.]+\s*$/.test(text)) {
      throw new InputError(
        "out-of-range",
        `--margin is ${shown(text)}, but must be a size with its unit, such as 1GiB, or a share of the device, such as 10%.`,
        "margin",
      );
    }
    return { bytes: parseSize(text, "--margin") };
  }
  const share = Number(percent[1]) / 100;
  if (share < 1) return { share };
  throw new InputError(
    "out-of-range",
    `--margin is ${shown(text)}, but a device has less than that to leave free: use a share below 100%.`,
    "margin",
  );
}
