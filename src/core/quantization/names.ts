import { InputError, shown } from "../errors.ts";

/** Modules that a config names: literally, by a glob, or by a regular expression. */
export interface Names {
  /** Whether a copy of `name` at another position of its stacks can be answered otherwise. */
  differs(name: string): boolean;
  has(name: string): boolean;
}

/** Containers that the reference implementation has put in or left out from one version to the next. */
const CONTAINERS: ReadonlySet<string> = new Set(["model", "language_model", "thinker"]);

/** A published list of ignored modules names each of up to 100 layers' parts; beyond this it is no such list. */
const MAX_NAMES = 100_000;
/** Longest pattern, and most repetitions in one: what a regular expression may cost grows with their number. */
const MAX_PATTERN = 300;
const MAX_REPEATS = 6;

/**
 * The names of `modules_to_not_convert`, `ignore`, `targets` and their like. A literal one holds for the module and all
 * below it, wherever it stands in the tree (`visual`), or from the root if it begins there (`model.layers.0.mlp`).
 * A `re:` one is matched from the beginning (compressed-tensors), and so is one with a `*` (transformers, modelopt).
 */
export function namesOf(patterns: readonly string[], path: string): Names {
  if (patterns.length > MAX_NAMES)
    throw new InputError(
      "out-of-range",
      `${path} has ${patterns.length} entries, more than any model has modules: correct it in the config.`,
      path,
    );
  const rooted = new Set<string>();
  const floating = new Set<string>();
  const expressions: RegExp[] = [];
  for (const pattern of patterns) {
    if (pattern.startsWith("re:")) expressions.push(expression(pattern.slice(3), pattern, path));
    else if (/[*^$\\|(]/.test(pattern))
      expressions.push(expression(globbed(pattern), pattern, path));
    else {
      const segments = pattern.replace(/\.weight$|\.$/, "").split(".");
      const kept = segments.filter((segment) => !CONTAINERS.has(segment));
      if (kept.length === 0) floating.add(segments.join("."));
      else (kept[0] === segments[0] ? floating : rooted).add(kept.join("."));
    }
  }
  const numbered = new Set<string>();
  for (const one of [...rooted, ...floating])
    if (NUMBER.test(one)) numbered.add(unnumbered(one).join("."));
  const counted = expressions.some(({ source }) => /\d|\\d/.test(source));
  return {
    differs: (name) => counted || (numbered.size > 0 && holds(unnumbered(name), numbered, false)),
    has(name) {
      const segments = name.split(".");
      const kept = segments.filter((segment) => !CONTAINERS.has(segment));
      return (
        holds(kept, rooted, true) ||
        holds(kept, floating, false) ||
        (kept.length < segments.length && holds(segments, floating, false)) ||
        expressions.some((one) => one.test(name))
      );
    },
  };
}

const NUMBER = /(^|\.)\d+(\.|$)/;

/** A name without containers, any position for every position. */
const unnumbered = (name: string): readonly string[] =>
  name
    .split(".")
    .filter((segment) => !CONTAINERS.has(segment))
    .map((segment) => (/^\d+$/.test(segment) ? "#" : segment));

/** Whether consecutive segments of a name, from its first one on or from any, are in the set. */
function holds(
  segments: readonly string[],
  names: ReadonlySet<string>,
  fromRoot: boolean,
): boolean {
  if (names.size === 0) return false;
  for (let from = 0; from < (fromRoot ? 1 : segments.length); from++) {
    let slice = "";
    for (let to = from; to < segments.length; to++) {
      slice = slice === "" ? (segments[to] ?? "") : `${slice}.${segments[to]}`;
      if (names.has(slice)) return true;
    }
  }
  return false;
}

/** `model.layers.*.self_attn` and `*lm_head*` as expressions; what is one already (`.*_proj$`) is left alone. */
function globbed(pattern: string): string {
  if (/[\\^$|(]|\.\*/.test(pattern) && !/[\w]\.\*\.\w/.test(pattern)) return pattern;
  return pattern.replace(/[.+?^$()[\]{}|\\]/g, "\\$&").replaceAll("*", ".*");
}

/** Python's `re.match`. @throws InputError for what is no expression, or one that could run for hours. */
function expression(text: string, pattern: string, path: string): RegExp {
  const refuse = (reason: string) =>
    new InputError(
      "out-of-range",
      `${path} has the pattern ${shown(pattern)}, which ${reason}: correct it in the config.`,
      path,
    );
  const repeats = text.match(/[*+}]/g)?.length ?? 0;
  if (text.length > MAX_PATTERN || repeats > MAX_REPEATS || /\)[*+{]/.test(text))
    throw refuse("is too costly to match");
  try {
    return new RegExp(`^(?:${text})`);
  } catch {
    throw refuse("is no regular expression");
  }
}
