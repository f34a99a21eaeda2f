import { own, type RawConfig, section, within } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
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
import { firstSharing, layerTypesOf } from "../towers/kv-sharing.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import type { Context } from "./family.ts";

const fields = (maxPositions: number, window: number) => ({
  ...decoderFields({
    vocab: 262144,
    width: 2304,
    inner: 9216,
    layers: 30,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    maxPositions,
    tied: true,
  }),
  attention_bias: or(flag(), false),
  sliding_window: or(positions(), window),
  layer_types: maybe(list(text())),
  use_bidirectional_attention: or(orNull(text()), null),
  attention_k_eq_v: or(flag(), false),
  num_kv_shared_layers: or(count(0), 0),
  use_double_wide_mlp: or(flag(), false),
  global_head_dim: or(dimension(), 512),
  num_global_key_value_heads: maybe(dimension()),
});

/** Gemma4TextConfig (transformers 5.18). */
const readFull = reader(() => ({
  ...fields(131072, 512),
  vocab_size_per_layer_input: or(dimension(), 262144),
  hidden_size_per_layer_input: or(integer(0, 2 ** 24), 256),
  enable_moe_block: or(flag(), false),
  num_experts: maybe(count()),
  top_k_experts: maybe(count()),
  moe_intermediate_size: maybe(dimension()),
}));

/** Gemma4UnifiedTextConfig: neither per-layer embeddings nor experts. */
const readUnified = reader(() => fields(262144, 1024));

/** Per-layer overrides, as transformers 5.18 saves them (`per_layer_config`). */
const readOverride = reader(() => ({
  head_dim: maybe(dimension()),
  num_key_value_heads: maybe(dimension()),
}));

/** What a layer's attention is made of. */
export interface Gemma4Layer {
  readonly type: string;
  readonly shares: boolean;
  readonly headDim: number;
  readonly kvHeads: number;
  readonly inner: number;
}

export interface Gemma4Text {
  readonly sizes: DecoderSizes;
  readonly bias: boolean;
  readonly window: number;
  readonly causal: boolean;
  /** Full-attention layers take their keys for values too. */
  readonly keysAreValues: boolean;
  readonly types: readonly string[];
  readonly layer: (index: number) => Gemma4Layer;
  readonly maxPositions: number;
  readonly perLayer?: { readonly rows: number; readonly width: number };
  readonly experts?: { readonly count: number; readonly perToken: number; readonly inner: number };
}

export function readGemma4Text(raw: RawConfig, context: Context, unified: boolean): Gemma4Text {
  const own = unified ? undefined : readFull(raw, context);
  const config = own ?? readUnified(raw, context);
  const sizes = decoderSizes(config, context);
  const listed = layerTypesOf(config.layer_types, sizes.layers, presetType, context.path);
  // The reference makes the last layer a full one, whatever the list says.
  const types = [...listed.slice(0, -1), "full_attention"];
  const sharing = config.num_kv_shared_layers;
  const first = sharing === 0 ? sizes.layers : firstSharing(types, sharing, context.path);
  const both = config.use_bidirectional_attention === "all";
  const overrides = section(raw, "per_layer_config", context.path);
  const layer = (index: number): Gemma4Layer => {
    const type = types[index] ?? "full_attention";
    const shares = index >= first;
    const full = type === "full_attention";
    const override = overrides
      ? readOverride(
          section(overrides, String(index), within(context.path, "per_layer_config")) ?? {},
          context.inside("per_layer_config"),
        )
      : full
        ? {
            head_dim: config.global_head_dim,
            num_key_value_heads: config.attention_k_eq_v
              ? config.num_global_key_value_heads
              : undefined,
          }
        : {};
    return {
      type,
      shares,
      headDim: override.head_dim ?? sizes.headDim,
      kvHeads: override.num_key_value_heads ?? sizes.kvHeads,
      inner: sizes.inner * (config.use_double_wide_mlp && shares ? 2 : 1),
    };
  };
  return {
    sizes,
    bias: config.attention_bias,
    window: both ? Math.floor(config.sliding_window / 2) + 1 : config.sliding_window,
    causal: !both,
    keysAreValues: config.attention_k_eq_v,
    types,
    layer,
    maxPositions: config.max_position_embeddings,
    ...(own && extras(own, context)),
  };
}

function extras(
  config: ReturnType<typeof readFull>,
  context: Context,
): Pick<Gemma4Text, "perLayer" | "experts"> {
  const needed = (field: "num_experts" | "top_k_experts" | "moe_intermediate_size"): number => {
    const value = config[field];
    if (value !== undefined) return value;
    const path = within(context.path, field);
    throw new InputError(
      "missing-field",
      `${path} is missing, but enable_moe_block is true: add it to the config.`,
      path,
    );
  };
  return {
    ...(config.hidden_size_per_layer_input > 0 && {
      perLayer: {
        rows: config.vocab_size_per_layer_input,
        width: config.hidden_size_per_layer_input,
      },
    }),
    ...(config.enable_moe_block && {
      experts: {
        count: needed("num_experts"),
        perToken: needed("top_k_experts"),
        inner: needed("moe_intermediate_size"),
      },
    }),
  };
}

/** Every sixth layer sees everything. */
const presetType = (index: number) =>
  (index + 1) % 6 === 0 ? "full_attention" : "sliding_attention";

/** Whether the config belongs to the encoder-free variant. */
export const isUnified = (raw: RawConfig): boolean =>
  String(own(raw, "model_type")).startsWith("gemma4_unified");
