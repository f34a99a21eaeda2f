import { InputError, shown } from "../errors.ts";

/** A config.json as it was read: nothing about it is known yet. */
export type RawConfig = { readonly [key: string]: unknown };

/** @throws InputError `not-a-config` for anything but a JSON object. */
export function asRawConfig(value: unknown, what = "The config"): RawConfig {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as RawConfig;
  throw new InputError(
    "not-a-config",
    `${what} is ${shown(value)}, not a JSON object: give the contents of a model's config.json.`,
  );
}

/**
 * Parses JSON as Python writes it: configs on the hub hold bare `Infinity`, `-Infinity` and `NaN`, which JSON does not
 * know. Infinities become JavaScript's, NaN becomes null.
 * @throws InputError `malformed-json` that names the source and what the parser said.
 */
export function parseJson(text: string, source: string): unknown {
  const content = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  try {
    return JSON.parse(content);
  } catch (error) {
    const mended = content.replace(PYTHON_NUMBERS, (found, name: string | undefined) =>
      name === undefined ? found : name === "NaN" ? "null" : found.replace("Infinity", "1e999"),
    );
    if (mended !== content) {
      try {
        return JSON.parse(mended);
      } catch {
        // Not that alone: what the parser said of the original is the better message.
      }
    }
    const reason = error instanceof Error ? error.message : "unreadable";
    throw new InputError(
      "malformed-json",
      `${source} is not valid JSON (${reason}): download it again or correct it.`,
      source,
    );
  }
}

/** A string, which is left alone, or one of Python's bare numbers. */
const PYTHON_NUMBERS = /"(?:[^"\\]|\\.)*"|\b(NaN|Infinity)\b/g;

/** A field that holds an object of its own (`text_config`), or undefined where it is absent or null. */
export function section(raw: RawConfig, key: string, path: string): RawConfig | undefined {
  const value = own(raw, key);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new InputError(
      "wrong-type",
      `${within(path, key)} is ${shown(value)}, but must be an object with a sub-model's fields: correct it in the config.`,
      within(path, key),
    );
  }
  return value as RawConfig;
}

/** The object's own value: what a `__proto__` key smuggles in is never looked up. */
export function own(raw: RawConfig, key: string): unknown {
  return Object.hasOwn(raw, key) ? raw[key] : undefined;
}

export const within = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);
