import { own, type RawConfig, section, within } from "../config/raw.ts";
import { decimal, list, maybe, positions, reader, text } from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { grouped } from "../units.ts";
import type { Context } from "./family.ts";

/** How a config says that positions are stretched: `rope_scaling`, or `rope_parameters` since transformers 5. */
const read = reader(() => ({
  rope_type: maybe(text()),
  type: maybe(text()),
  factor: maybe(decimal()),
  original_max_position_embeddings: maybe(positions()),
}));
const readBeside = reader(() => ({
  original_max_position_embeddings: maybe(positions()),
  model_max_length: maybe(positions()),
}));
const readFactors = reader(() => ({
  short_factor: list(decimal()),
  long_factor: list(decimal()),
}));

/** Types that multiply the length by `factor`; with YaRN it is the length of before that is multiplied. */
const STRETCHING: ReadonlySet<string> = new Set(["linear", "dynamic", "yarn"]);
/** Types without a meaning when `factor` is missing. Source: `modeling_rope_utils.py`, `_validate_*_rope_parameters`. */
const FACTORED: ReadonlySet<string> = new Set([...STRETCHING, "llama3"]);
/** Phi-3's, whose `max_position_embeddings` is the stretched length; `su` is its older name. */
const BY_LISTS: ReadonlySet<string> = new Set(["longrope", "su"]);

/**
 * The longest context, rotary scaling included: linear, dynamic and YaRN multiply, llama3 and longrope state the product
 * already, and `model_max_length` (Command R) wins over both. transformers enforces none of it.
 * Source: vLLM, `vllm/config/model.py`, `_get_and_verify_max_len`.
 * @param stated `max_position_embeddings`.
 * @param already the class's configs state the stretched length whatever the type (Gemma 3; vLLM has the same exception).
 * @throws InputError for scaling that cannot be read.
 */
export function stretchedContext(
  raw: RawConfig,
  context: Context,
  stated: number | undefined,
  already = false,
): number | undefined {
  const key = own(raw, "rope_scaling") ? "rope_scaling" : "rope_parameters";
  const whole = section(raw, key, context.path);
  const beside = readBeside(raw, context);
  const parts = whole ? partsOf(whole, key, context) : [];
  const lengths = parts.map(([part, door]) => stretched(part, door, stated, beside));
  if (beside.model_max_length !== undefined) return beside.model_max_length;
  if (already || stated === undefined) return stated;
  const longest = Math.max(stated, ...lengths.filter((length) => length !== undefined));
  if (longest === stated) return stated;
  context.assumptions.add(
    `${within(context.path, key)} stretches the context to ${grouped(longest)} tokens, as vLLM reads it; max_position_embeddings is ${grouped(stated)}.`,
  );
  return longest;
}

/** One set of rotary parameters, or one for each type of layer. */
function partsOf(whole: RawConfig, key: string, context: Context): [RawConfig, Context][] {
  const at = context.inside(key);
  const kinds = Object.keys(whole).filter((name) => LAYERED.test(name));
  if (kinds.length === 0) return [[whole, at]];
  return kinds.flatMap((name): [RawConfig, Context][] => {
    const part = section(whole, name, at.path);
    return part ? [[part, at.inside(name)]] : [];
  });
}
const LAYERED = /_attention$/;

function stretched(
  part: RawConfig,
  at: Context,
  stated: number | undefined,
  beside: { readonly original_max_position_embeddings?: number | undefined },
): number | undefined {
  const { rope_type, type = "default", factor, ...said } = read(part, at);
  const kind = rope_type ?? type;
  if (FACTORED.has(kind) && factor === undefined) throw unscaled(at, "is missing", kind);
  if (factor !== undefined && factor <= 0) throw unscaled(at, `is ${shown(factor)}`, kind);
  if (BY_LISTS.has(kind)) readFactors(part, at);
  if (stated === undefined || factor === undefined || !STRETCHING.has(kind)) return undefined;
  const before =
    beside.original_max_position_embeddings ?? said.original_max_position_embeddings ?? stated;
  return Math.floor((kind === "yarn" ? before : stated) * factor);
}

const unscaled = (at: Context, what: string, kind: string): InputError =>
  new InputError(
    "out-of-range",
    `${within(at.path, "factor")} ${what}, but rotary scaling of type ${shown(kind)} multiplies by it: state a number above 0.`,
    within(at.path, "factor"),
  );
