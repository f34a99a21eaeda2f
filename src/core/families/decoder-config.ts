import { own, type RawConfig, section, within } from "../config/raw.ts";
import {
  count,
  decimal,
  dimension,
  flag,
  list,
  maybe,
  or,
  orNull,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import type { DecoderSizes } from "../towers/causal-lm.ts";
import type { Context } from "./family.ts";

/** Defaults of a config class; what is left out has none and is then derived or absent. */
interface Defaults {
  readonly vocab: number;
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  /** A number, or "heads": as many as heads. */
  readonly kvHeads: number | "heads";
  /** A number, or "width/heads". */
  readonly headDim: number | "width/heads";
  readonly maxPositions: number;
  readonly tied: boolean;
}

/** The fields that every Llama-like config has, under the names that nearly all of them use. */
export const decoderFields = (defaults: Defaults) => ({
  vocab_size: or(dimension(), defaults.vocab),
  hidden_size: or(dimension(), defaults.width),
  intermediate_size: or(dimension(), defaults.inner),
  num_hidden_layers: or(count(), defaults.layers),
  num_attention_heads: or(dimension(), defaults.heads),
  // `null` always means as many as heads, also where absence means another number.
  num_key_value_heads: or(
    orNull(dimension()),
    defaults.kvHeads === "heads" ? null : defaults.kvHeads,
  ),
  head_dim:
    defaults.headDim === "width/heads" ? maybe(dimension()) : or(dimension(), defaults.headDim),
  max_position_embeddings: or(positions(), defaults.maxPositions),
  tie_word_embeddings: or(flag(), defaults.tied),
});

/** Which layers see only the last `window` tokens, by a list of types or by a rule of the class's own. */
export const slidingFields = (window: number | null) => ({
  sliding_window: or(orNull(positions()), window),
  layer_types: maybe(list(text())),
});

/** Whether a layer slides: as `layer_types` says, or as the class has it. */
export const slidingBy =
  (types: readonly string[] | undefined, usual: (index: number) => boolean) =>
  (index: number): boolean =>
    types ? types[index] === "sliding_attention" : usual(index);

export interface DecoderConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number | null;
  readonly head_dim?: number | undefined;
  readonly tie_word_embeddings: boolean;
  readonly max_position_embeddings?: number;
}

/** The sizes that such a config states. @throws InputError where heads cannot be grouped evenly. */
export function decoderSizes(config: DecoderConfig, context: Context): DecoderSizes {
  const heads = config.num_attention_heads;
  const kvHeads = groupedHeads(heads, config.num_key_value_heads ?? heads, context);
  if (config.head_dim === undefined && heads > config.hidden_size) {
    const field = within(context.path, "num_attention_heads");
    throw new InputError(
      "inconsistent",
      `${field} is ${heads}, more than hidden_size ${config.hidden_size}, so that a head would have no width: correct one of them in the config.`,
      field,
    );
  }
  const headDim = config.head_dim ?? Math.floor(config.hidden_size / heads);
  if (headDim === 0) {
    const field = within(context.path, "num_attention_heads");
    throw new InputError(
      "inconsistent",
      `${field} is ${heads}, more than hidden_size ${config.hidden_size} can be shared by: correct one of them in the config.`,
      field,
    );
  }
  return {
    vocab: config.vocab_size,
    width: config.hidden_size,
    inner: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    tied: config.tie_word_embeddings,
  };
}

/**
 * A config's fields under the names that its class has for them: it takes others too (`attribute_map`).
 * @param names the class's name for each other one.
 */
export function underOwnNames(raw: RawConfig, names: Readonly<Record<string, string>>): RawConfig {
  const renamed: Record<string, unknown> = { ...raw };
  for (const [other, name] of Object.entries(names)) {
    const value = own(raw, other);
    if (value !== undefined && value !== null) renamed[name] = value;
  }
  return renamed;
}

const readRotary = reader(() => ({ partial_rotary_factor: maybe(decimal()) }));

/**
 * How many of a head's values are rotated: the share that `rope_scaling` or `rope_parameters` states, or the config itself.
 * @param share what the config class takes where none does.
 */
export function rotatedValues(
  headDim: number,
  raw: RawConfig,
  context: Context,
  share: number,
): number {
  const key = section(raw, "rope_scaling", context.path) ? "rope_scaling" : "rope_parameters";
  const inner = section(raw, key, context.path);
  const stated =
    (inner && readRotary(inner, context.inside(key)).partial_rotary_factor) ??
    readRotary(raw, context).partial_rotary_factor ??
    share;
  if (stated > 0 && stated <= 1) return Math.trunc(headDim * stated);
  const field = within(context.path, "partial_rotary_factor");
  throw new InputError(
    "out-of-range",
    `${field} is ${stated}, but must be above 0 and at most 1: correct it in the config.`,
    field,
  );
}

/** How many key/value heads there are. @throws InputError where query heads cannot be grouped evenly among them. */
export function groupedHeads(
  heads: number,
  kvHeads: number,
  context: Pick<Context, "path">,
): number {
  if (heads % kvHeads !== 0) {
    const field = within(context.path, "num_key_value_heads");
    throw new InputError(
      "inconsistent",
      `${field} is ${kvHeads}, which does not divide num_attention_heads ${heads}: correct one of them in the config.`,
      field,
    );
  }
  return kvHeads;
}
