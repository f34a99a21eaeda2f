import { InputError } from "./errors.ts";

declare const unit: unique symbol;
/** A whole number of bytes. Made by {@link bytes}; divided into GB or GiB only by the functions of this file. */
export type Bytes = number & { readonly [unit]: "bytes" };

const KB = 1e3;
const MB = 1e6;
/** A gigabyte: 10⁹ bytes, as disks and downloads are sold. */
export const GB = 1e9;
export const KiB = 2 ** 10;
export const MiB = 2 ** 20;
/** A gibibyte: 2³⁰ bytes, as GPUs are sold ("24 GB") and as vLLM and nvidia-smi count. */
export const GiB = 2 ** 30;

/**
 * `value` as bytes, rounded up to a whole one (four-bit weights can end in half a byte).
 * @throws InputError `too-large` beyond 2⁵³ − 1, where integers are no longer exact, or for what is no number.
 */
export function bytes(value: number): Bytes {
  const whole = Math.ceil(value);
  if (!Number.isSafeInteger(whole)) {
    throw new InputError(
      "too-large",
      `The result, ${value} bytes, is beyond what can be counted exactly (2^53): check the sizes in the config and the workload.`,
    );
  }
  return whole as Bytes;
}

export const toGB = (value: number): number => value / GB;
export const toGiB = (value: number): number => value / GiB;

/** Thousands separated by commas, the same in every locale; what follows a decimal point is left alone. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ",");
}

/** A size in the binary unit that keeps it readable: "1.51 GiB", "8.75 MiB", "512 B". */
export function humanBytes(value: number): string {
  const size = Math.abs(value);
  if (size >= GiB) return `${(value / GiB).toFixed(2)} GiB`;
  if (size >= MiB) return `${(value / MiB).toFixed(size >= 100 * MiB ? 0 : 1)} MiB`;
  if (size >= KiB) return `${(value / KiB).toFixed(1)} KiB`;
  return `${value} B`;
}

/** A count as people say it: "809M", "8.40B". */
export function humanCount(value: number): string {
  if (value >= 1e12) return `${(value / 1e12).toFixed(2)}T`;
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)}B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)}K`;
  return String(value);
}

const SIZE = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/i;
const FACTOR: Record<string, number> = {
  b: 1,
  kb: KB,
  mb: MB,
  gb: GB,
  tb: 1e12,
  kib: KiB,
  mib: MiB,
  gib: GiB,
  tib: 2 ** 40,
};

/**
 * Reads "24GiB", "80 GB" or "512MiB". The unit is required: 24 GB and 24 GiB differ by 7 %.
 * @throws InputError when there is no number, no unit, or an unknown one.
 */
export function parseSize(text: string, option: string): Bytes {
  const hit = SIZE.exec(text.trim());
  const factor = FACTOR[hit?.[2]?.toLowerCase() ?? ""];
  if (!hit || factor === undefined) {
    throw new InputError(
      "out-of-range",
      `${option} is ${JSON.stringify(text)}, which is no size: write a number with its unit, such as 24GiB or 80GB.`,
      option,
    );
  }
  return bytes(Number(hit[1]) * factor);
}
