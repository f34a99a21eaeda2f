import { within } from "../config/raw.ts";
import { dimension, flag, or, orAuto } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import type { Mamba2Sizes } from "../layers/mamba.ts";
import type { Context } from "./family.ts";

/** Mamba 2's fields as Bamba and its descendants name them, with their defaults. */
export const bambaFields = () => ({
  mamba_n_heads: or(dimension(), 128),
  mamba_d_head: or(orAuto(dimension()), "auto"),
  mamba_n_groups: or(dimension(), 1),
  mamba_d_state: or(dimension(), 256),
  mamba_chunk_size: or(dimension(), 256),
  mamba_d_conv: or(dimension(), 4),
  mamba_expand: or(dimension(), 2),
  mamba_conv_bias: or(flag(), true),
  mamba_proj_bias: or(flag(), false),
});

interface BambaConfig {
  readonly mamba_n_heads: number;
  readonly mamba_d_head: number | "auto";
  readonly mamba_n_groups: number;
  readonly mamba_d_state: number;
  readonly mamba_d_conv: number;
  readonly mamba_chunk_size: number;
  readonly mamba_conv_bias: boolean;
  readonly mamba_proj_bias: boolean;
}

/** The sizes that such a config states for a mixer of the inner width `inner`. */
export function bambaSizes(
  config: BambaConfig,
  width: number,
  inner: number,
  context: Context,
): Omit<Mamba2Sizes, "norm"> {
  const heads = config.mamba_n_heads;
  const fields = ["mamba_n_heads", "mamba_d_head"] as const;
  return {
    width,
    inner,
    heads,
    headDim: derivedHeadDim(config.mamba_d_head, inner, heads, fields, context),
    groups: config.mamba_n_groups,
    state: config.mamba_d_state,
    chunk: config.mamba_chunk_size,
    kernel: config.mamba_d_conv,
    bias: config.mamba_proj_bias,
    convBias: config.mamba_conv_bias,
  };
}

/** Mamba 2's heads must fill its inner width; the reference implementation refuses a config where they do not. */
export function headsFill(
  inner: number,
  heads: number,
  headDim: number,
  [headsField, dimField]: readonly [heads: string, headDim: string],
  context: Context,
): void {
  if (heads * headDim === inner) return;
  const field = within(context.path, headsField);
  throw new InputError(
    "inconsistent",
    `${field} is ${heads}, which times ${dimField} ${headDim} is not the inner width ${inner}: correct one of them in the config.`,
    field,
  );
}

/** The width of a head where a config leaves it to be derived. */
export function derivedHeadDim(
  stated: number | "auto",
  inner: number,
  heads: number,
  fields: readonly [heads: string, headDim: string],
  context: Context,
): number {
  const headDim = stated === "auto" ? Math.floor(inner / heads) : stated;
  headsFill(inner, heads, headDim, fields, context);
  return headDim;
}

const RENAMED: Readonly<Record<string, string>> = {
  mamba: "linear_attention",
  attention: "full_attention",
};

/** Kinds of layers under the names that transformers 5.18 gives them; older configs say "mamba" and "attention". */
export const layerKinds = (stated: readonly string[]): readonly string[] =>
  stated.map((kind) => RENAMED[kind] ?? kind);

/** @throws InputError unless there is a known kind for every layer. */
export function checkedKinds(
  kinds: readonly string[],
  layers: number,
  known: readonly string[],
  field: string,
  context: Context,
): readonly string[] {
  const path = within(context.path, field);
  if (kinds.length !== layers) {
    throw new InputError(
      "inconsistent",
      `${path} names ${kinds.length} layers, but num_hidden_layers is ${layers}: correct one of them in the config.`,
      path,
    );
  }
  const strange = kinds.find((kind) => !known.includes(kind));
  if (strange === undefined) return kinds;
  throw new InputError(
    "out-of-range",
    `${path} holds ${JSON.stringify(strange)}, but must hold only ${known.join(", ")}: correct it in the config.`,
    path,
  );
}

/** @throws InputError where the offset of every `period`-th layer lies outside the period. */
export function checkedOffset(
  offset: number,
  period: number,
  [offsetField, periodField]: readonly [offset: string, period: string],
  context: Context,
): void {
  if (offset < period) return;
  const path = within(context.path, offsetField);
  throw new InputError(
    "inconsistent",
    `${path} is ${offset}, but must be smaller than ${periodField} ${period}: correct one of them in the config.`,
    path,
  );
}
