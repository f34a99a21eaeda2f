import { InputError, shown } from "../errors.ts";

/** More values than anyone waits for: a mistake in the range. */
const MOST = 10_000_000;

/**
 * Reads "1,2,4", "1..64", "0.5..30..0.5" (with a step) or any of them after each other.
 * @throws InputError naming the option.
 */
export function parseNumbers(text: string, flag: string): readonly number[] {
  const out: number[] = [];
  for (const part of text.split(",")) {
    const range = part.split("..").map((word) => number(word, text, flag));
    const [from = 0, to = from, step = 1] = range;
    const count = Math.floor((to - from) / step + 1e-9) + 1;
    if (range.length > 3 || !(step > 0) || count < 1) throw malformed(text, flag);
    if (out.length + count > MOST) {
      throw new InputError(
        "out-of-range",
        `${flag} is ${shown(text)}, which is more than ${MOST} values: use a step, as in 1..1000..10.`,
        flag,
      );
    }
    for (let i = 0; i < count; i++) out.push(Number((from + i * step).toPrecision(12)));
  }
  return out;
}

function number(word: string, text: string, flag: string): number {
  const value = Number(word.trim().replaceAll("_", ""));
  if (word.trim() === "" || !Number.isFinite(value)) throw malformed(text, flag);
  return value;
}

const malformed = (text: string, flag: string): InputError =>
  new InputError(
    "out-of-range",
    `${flag} is ${shown(text)}, but must be a list such as 1,2,4 or a range such as 1..64 (or 1..64..8, with a step).`,
    flag,
  );

/** Reads "fp16,int8". @throws InputError for an empty word. */
export function parseWords(text: string, flag: string): readonly string[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.every((word) => word !== "")) return words;
  throw new InputError(
    "unknown-option",
    `${flag} is ${shown(text)}, but must be a list such as a,b,c without empty places.`,
    flag,
  );
}
