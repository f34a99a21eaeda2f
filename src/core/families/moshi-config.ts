import { within } from "../config/raw.ts";
import {
  count,
  dimension,
  integer,
  MAX_DIMENSION,
  maybe,
  or,
  positions,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import type { MoshiLayerSizes } from "../towers/moshi.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Context } from "./family.ts";

interface Defaults {
  readonly vocab: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly window: number;
  readonly codebooks: number;
}

/** Fields that Moshi, its depth decoder and kyutai-stt have in common. */
export const moshiFields = (defaults: Defaults) => ({
  vocab_size: or(dimension(), defaults.vocab),
  hidden_size: or(dimension(), defaults.width),
  num_hidden_layers: or(count(), defaults.layers),
  num_attention_heads: or(dimension(), defaults.heads),
  num_key_value_heads: maybe(dimension()),
  head_dim: maybe(dimension()),
  ffn_dim: or(integer(2, MAX_DIMENSION), defaults.inner),
  sliding_window: or(positions(), defaults.window),
  num_codebooks: or(count(), defaults.codebooks),
});

interface MoshiConfig {
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads?: number | undefined;
  readonly head_dim?: number | undefined;
  readonly ffn_dim: number;
  readonly sliding_window: number;
}

/** @throws InputError where heads or halves do not come out even. */
export function moshiSizes(
  classes: string,
  config: MoshiConfig,
  context: Context,
): Omit<MoshiLayerSizes, "codebooks"> {
  const field = (name: string) => within(context.path, name);
  const { hidden_size: width, num_attention_heads: heads, ffn_dim } = config;
  const kvHeads = config.num_key_value_heads ?? heads;
  evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
  evenHeads(heads, kvHeads, field("num_attention_heads"), field("num_key_value_heads"));
  if (ffn_dim % 2 !== 0) {
    throw new InputError(
      "inconsistent",
      `${field("ffn_dim")} is ${ffn_dim}, but must be even, because one half gates the other: correct it in the config.`,
      field("ffn_dim"),
    );
  }
  return {
    classes,
    width,
    heads,
    kvHeads,
    headDim: config.head_dim ?? width / heads,
    inner: ffn_dim / 2,
    window: config.sliding_window,
  };
}
