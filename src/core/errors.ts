/** What went wrong, as data: a program reads `code` and `path`, a person reads the sentence. */
export type InputErrorCode =
  | "malformed-json"
  | "not-a-config"
  | "missing-field"
  | "wrong-type"
  | "out-of-range"
  | "inconsistent"
  | "unknown-model-type"
  | "unknown-model"
  | "unresolved-reference"
  | "unknown-precision"
  | "unknown-engine"
  | "unknown-option"
  | "does-not-fit"
  | "not-served"
  | "unreadable"
  | "no-access"
  | "unreachable"
  | "too-large";

/**
 * The one error that bad input leads to. Its message is a single sentence that names the field, file or option,
 * what was wrong with it, and what to do. Anything else that is thrown is a defect of this library.
 */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly code: InputErrorCode;
  /** The field, file or option that is at fault, as the user wrote it. */
  readonly path: string | undefined;

  constructor(code: InputErrorCode, message: string, path?: string) {
    super(oneLine(message));
    this.code = code;
    this.path = path;
  }
}

/** User input is quoted in messages; it must not break the line, start terminal escapes or run for pages. */
const MAX_MESSAGE = 600;
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
  const flat = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
  return flat.length > MAX_MESSAGE ? `${flat.slice(0, MAX_MESSAGE)}…` : flat;
}

/** Control characters and line ends that JSON writes as they are: a terminal would obey them. */
const UNPRINTED = /[\u007f-\u009f\u2028\u2029]/g;

/** `value` as it is shown inside a message: JSON, cut short. */
export function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    text = undefined; // circular or a bigint inside: the type says enough
  }
  text = (text ?? typeof value).replace(
    UNPRINTED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** The up to `most` known words that are nearest to `word` by edit distance, for "did you mean". */
export function nearest(word: string, known: Iterable<string>, most = 3): string[] {
  const target = word.slice(0, 100).toLowerCase();
  return [...known]
    .map((name) => ({ name, distance: distance(target, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, most)
    .map((entry) => entry.name);
}

/** Levenshtein's distance, less what a shared beginning makes likely ("whisper" for "whisper_tiny"). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] ?? 0;
      const left = next[j - 1] ?? 0;
      const diagonal = row[j - 1] ?? 0;
      next.push(Math.min(above + 1, left + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  let prefix = 0;
  while (prefix < Math.min(a.length, b.length) && a[prefix] === b[prefix]) prefix++;
  return (row[b.length] ?? 0) - prefix;
}
