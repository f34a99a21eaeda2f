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
import { crossed, variantsBy } from "../towers/causal-lm.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** Qwen3NextConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 151936,
    width: 2048,
    inner: 5632,
    layers: 48,
    heads: 16,
    kvHeads: 2,
    headDim: 256,
    maxPositions: 32768,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  linear_conv_kernel_dim: or(count(), 4),
  linear_key_head_dim: or(dimension(), 128),
  linear_value_head_dim: or(dimension(), 128),
  linear_num_key_heads: or(dimension(), 16),
  linear_num_value_heads: or(dimension(), 32),
  decoder_sparse_step: or(count(), 1),
  moe_intermediate_size: or(dimension(), 512),
  shared_expert_intermediate_size: or(dimension(), 512),
  num_experts_per_tok: or(count(), 10),
  num_experts: or(count(0), 512),
  mlp_only_layers: or(list(integer(0, 100_000)), []),
  layer_types: maybe(list(text())),
  full_attention_interval: or(count(), 4),
}));

/**
 * Qwen3-Next: three layers of gated delta nets to one of gated attention, a shared expert with a gate of its own.
 * Source: `models/qwen3_next/modeling_qwen3_next.py`.
 */
export const qwen3Next = llamaLike({
  name: "qwen3_next",
  modelTypes: ["qwen3_next"],
  architectures: ["Qwen3NextForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  read,
  habits: (config, { sizes: { width, layers, headDim }, raw, context }) => {
    const { attention_bias: bias, layer_types: types, num_experts: experts } = config;
    const dense = new Set(config.mlp_only_layers);
    const delta = gatedDeltaNet("Qwen3NextGatedDeltaNet", "linear_attn", {
      width,
      keyHeads: config.linear_num_key_heads,
      keyDim: config.linear_key_head_dim,
      valueHeads: config.linear_num_value_heads,
      valueDim: config.linear_value_head_dim,
      kernel: config.linear_conv_kernel_dim,
      normClass: "Qwen3NextRMSNormGated",
      fused: true,
    });
    const mixture = mixtureOfExperts("Qwen3NextSparseMoeBlock", "mlp", {
      class: "Qwen3NextExperts",
      width,
      inner: config.moe_intermediate_size,
      experts,
      perToken: config.num_experts_per_tok,
      router: router("Qwen3NextTopKRouter", "gate", width, experts),
      extra: gatedSharedExpert("Qwen3Next", width, config.shared_expert_intermediate_size),
    });
    const isLinear = (index: number) =>
      types
        ? types[index] === "linear_attention"
        : (index + 1) % config.full_attention_interval !== 0;
    const sparse = (index: number) =>
      experts > 0 && !dense.has(index) && (index + 1) % config.decoder_sparse_step === 0;
    return {
      classes: "Qwen3Next",
      bias: { qkv: bias, o: bias },
      attention: { gated: true },
      normedHeads: true,
      rotated: rotatedValues(headDim, raw, context, 0.25),
      variants: crossed(
        variantsBy(layers, isLinear, [{}, { attention: delta }]),
        variantsBy(layers, sparse, [{}, { feedForward: mixture }]),
      ),
    };
  },
});
