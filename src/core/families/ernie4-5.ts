import { count, dimension, flag, integer, or, reader } from "../config/schema.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { variantsBy } from "../towers/layer-variants.ts";
import { module } from "../tree/module.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** Ernie4_5Config and Ernie4_5_MoeConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 103424,
    width: 1024,
    inner: 3072,
    layers: 18,
    heads: 16,
    kvHeads: 2,
    headDim: 128,
    maxPositions: 131072,
    tied: true,
  }),
  use_bias: or(flag(), false),
}));
const readMoe = reader(() => ({
  ...decoderFields({
    vocab: 103424,
    width: 2560,
    inner: 12288,
    layers: 28,
    heads: 20,
    kvHeads: 4,
    headDim: "width/heads",
    maxPositions: 131072,
    tied: true,
  }),
  use_bias: or(flag(), false),
  moe_intermediate_size: or(dimension(), 1536),
  moe_k: or(count(), 6),
  moe_num_experts: or(count(), 64),
  moe_num_shared_experts: or(count(0), 2),
  moe_layer_start_index: or(count(0), 1),
  // -1: the last layer.
  moe_layer_end_index: or(integer(-1, 100_000), -1),
  moe_layer_interval: or(count(), 1),
}));

/** ERNIE 4.5, dense. Source: `models/ernie4_5/modeling_ernie4_5.py`. */
export const ernie45 = llamaLike({
  name: "ernie4_5",
  modelTypes: ["ernie4_5"],
  architectures: ["Ernie4_5ForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ use_bias: bias }) => ({
    classes: "Ernie4_5",
    attention: { habits: { turns: "fp32" as const } },
    bias: { qkv: bias, o: bias, feedForward: bias },
  }),
});

/**
 * ERNIE 4.5 with experts: the correction of the router's scores is a parameter.
 * Source: `models/ernie4_5_moe/modeling_ernie4_5_moe.py`.
 */
export const ernie45Moe = llamaLike({
  name: "ernie4_5_moe",
  modelTypes: ["ernie4_5_moe"],
  architectures: ["Ernie4_5_MoeForCausalLM"],
  purpose: "text generation",
  names: { num_experts: "moe_num_experts", num_experts_per_tok: "moe_k" },
  read: readMoe,
  habits: (config, { sizes: { width, layers } }) => {
    const { use_bias: bias, moe_num_experts: experts, moe_intermediate_size: inner } = config;
    const shared = config.moe_num_shared_experts * inner;
    const end = config.moe_layer_end_index === -1 ? layers - 1 : config.moe_layer_end_index;
    const gate = linear("gate", width, experts, { bias: false, class: "Ernie4_5_MoeTopKRouter" });
    const statics = module("Ernie4_5_MoeStatics", "moe_statics", [], {
      tensors: [{ name: "e_score_correction_bias", shape: [1, experts], dtype: "fp32" }],
    });
    const mixture = mixtureOfExperts("Ernie4_5_MoeSparseMoeBlock", "mlp", {
      class: "Ernie4_5_MoeExperts",
      width,
      inner,
      experts,
      perToken: config.moe_k,
      router: { ...gate, children: [statics] },
      extra:
        shared > 0
          ? [gatedFeedForward("Ernie4_5_MoeMLP", "shared_experts", width, shared, { bias })]
          : [],
    });
    const sparse = (index: number) =>
      (index + 1) % config.moe_layer_interval === 0 &&
      index >= config.moe_layer_start_index &&
      index <= end;
    return {
      classes: "Ernie4_5_Moe",
      bias: { qkv: bias, o: bias, feedForward: bias, head: bias },
      variants: variantsBy(layers, sparse, [{}, { feedForward: mixture }]),
    };
  },
});
