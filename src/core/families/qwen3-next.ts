import {
  count,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  reader,
  text,
} from "../config/schema.ts";
import { gatedDeltaNet } from "../layers/delta-net.ts";
import { gatedSharedExpert, mixtureOfExperts, router } from "../layers/experts.ts";
import type { DecoderHabits } from "../towers/causal-lm.ts";
import { crossed, variantsBy } from "../towers/layer-variants.ts";
import type { Module } from "../tree/module.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { type About, llamaLike } from "./decoder-only.ts";

type Defaults = Omit<Parameters<typeof decoderFields>[0], "headDim" | "maxPositions" | "tied">;

/** Qwen3NextConfig, Qwen3_5TextConfig and Qwen3_5MoeTextConfig (transformers 5.18). */
const fields = (defaults: Defaults) => ({
  ...decoderFields({ ...defaults, headDim: 256, maxPositions: 32768, tied: false }),
  attention_bias: or(flag(), false),
  linear_conv_kernel_dim: or(count(), 4),
  linear_key_head_dim: or(dimension(), 128),
  linear_value_head_dim: or(dimension(), 128),
  linear_num_key_heads: or(dimension(), 16),
  linear_num_value_heads: or(dimension(), 32),
  layer_types: maybe(list(text())),
  full_attention_interval: or(count(), 4),
});
const expertFields = (experts: number, perToken: number) => ({
  moe_intermediate_size: or(dimension(), 512),
  shared_expert_intermediate_size: or(dimension(), 512),
  num_experts_per_tok: or(count(), perToken),
  num_experts: or(count(0), experts),
});

const readNext = reader(() => ({
  ...fields({ vocab: 151936, width: 2048, inner: 5632, layers: 48, heads: 16, kvHeads: 2 }),
  ...expertFields(512, 10),
  decoder_sparse_step: or(count(), 1),
  mlp_only_layers: or(list(integer(0, 100_000)), []),
}));
const read35 = reader(() =>
  fields({ vocab: 248320, width: 4096, inner: 12288, layers: 32, heads: 16, kvHeads: 4 }),
);
const read35Moe = reader(() => ({
  // Every layer has experts: there is no inner width of a dense one.
  ...fields({ vocab: 248320, width: 2048, inner: 512, layers: 40, heads: 16, kvHeads: 2 }),
  ...expertFields(256, 8),
}));

/** Three layers of gated delta nets to one of attention with a gate. */
function habits(
  classes: string,
  fused: boolean,
  config: ReturnType<typeof read35>,
  { sizes: { width, layers, headDim }, raw, context }: About,
): DecoderHabits {
  const { attention_bias: bias, layer_types: types } = config;
  const delta = gatedDeltaNet(`${classes}GatedDeltaNet`, "linear_attn", {
    width,
    keyHeads: config.linear_num_key_heads,
    keyDim: config.linear_key_head_dim,
    valueHeads: config.linear_num_value_heads,
    valueDim: config.linear_value_head_dim,
    kernel: config.linear_conv_kernel_dim,
    normClass: `${classes}RMSNormGated`,
    fused,
  });
  const isLinear = (index: number) =>
    types
      ? types[index] === "linear_attention"
      : (index + 1) % config.full_attention_interval !== 0;
  return {
    classes,
    bias: { qkv: bias, o: bias },
    attention: { gated: true },
    normedHeads: true,
    rotated: rotatedValues(headDim, raw, context, 0.25),
    variants: variantsBy(layers, isLinear, [{}, { attention: delta }]),
  };
}

/** Experts, and a shared one with a gate of its own. */
function mixture(
  classes: string,
  width: number,
  config: Pick<ReturnType<typeof read35Moe>, keyof ReturnType<typeof expertFields>>,
): Module {
  const { num_experts: experts, shared_expert_intermediate_size: shared } = config;
  return mixtureOfExperts(`${classes}SparseMoeBlock`, "mlp", {
    class: `${classes}Experts`,
    width,
    inner: config.moe_intermediate_size,
    experts,
    perToken: config.num_experts_per_tok,
    router: router(`${classes}TopKRouter`, "gate", width, experts),
    habits: { sharedFirst: true },
    extra: gatedSharedExpert(classes, width, shared),
  });
}

/** Qwen3-Next. Source: `models/qwen3_next/modeling_qwen3_next.py`. */
export const qwen3Next = llamaLike({
  name: "qwen3_next",
  modelTypes: ["qwen3_next"],
  architectures: ["Qwen3NextForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  read: readNext,
  habits: (config, about) => {
    const { layers, width } = about.sizes;
    const shared = habits("Qwen3Next", true, config, about);
    const dense = new Set(config.mlp_only_layers);
    const sparse = (index: number) =>
      config.num_experts > 0 && !dense.has(index) && (index + 1) % config.decoder_sparse_step === 0;
    const feedForward = mixture("Qwen3Next", width, config);
    return {
      ...shared,
      variants: crossed(shared.variants ?? [], variantsBy(layers, sparse, [{}, { feedForward }])),
    };
  },
});

/** Qwen3.5, dense (text). Source: `models/qwen3_5/modeling_qwen3_5.py`. */
export const qwen35 = llamaLike({
  name: "qwen3_5_text",
  modelTypes: ["qwen3_5_text"],
  architectures: ["Qwen3_5ForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  read: read35,
  habits: (config, about) => habits("Qwen3_5", false, config, about),
});

/** Qwen3.5 with experts in every layer (text). Source: `models/qwen3_5_moe/modeling_qwen3_5_moe.py`. */
export const qwen35Moe = llamaLike({
  name: "qwen3_5_moe_text",
  modelTypes: ["qwen3_5_moe_text"],
  architectures: ["Qwen3_5MoeForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  read: read35Moe,
  habits: (config, about) => ({
    ...habits("Qwen3_5Moe", false, config, about),
    feedForward: mixture("Qwen3_5Moe", about.sizes.width, config),
  }),
});
