import { count, dimension, flag, or, reader } from "../config/schema.ts";
import { variantsBy } from "../towers/layer-variants.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";
import { sharedExperts } from "./shared-experts.ts";

/** Glm4MoeConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 151552,
    width: 4096,
    inner: 10944,
    layers: 46,
    heads: 96,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 131072,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  use_qk_norm: or(flag(), false),
  first_k_dense_replace: or(count(0), 1),
  n_routed_experts: or(count(), 128),
  n_shared_experts: or(count(0), 1),
  num_experts_per_tok: or(count(), 8),
  moe_intermediate_size: or(dimension(), 1408),
}));

/**
 * GLM-4.5 to 4.7: dense first layers, then experts, one of them shared. The layer that predicts a second token is in the
 * files but not in the model that runs. Source: `models/glm4_moe/modeling_glm4_moe.py`.
 */
export const glm4Moe = llamaLike({
  name: "glm4_moe",
  modelTypes: ["glm4_moe"],
  architectures: ["Glm4MoeForCausalLM"],
  purpose: "text generation",
  names: { num_local_experts: "n_routed_experts" },
  read,
  habits: (config, { sizes: { width, layers, headDim }, raw, context }) => {
    const mixture = sharedExperts(width, config, { classes: "Glm4Moe" });
    return {
      classes: "Glm4Moe",
      bias: { qkv: config.attention_bias },
      normedHeads: config.use_qk_norm,
      rotated: rotatedValues(headDim, raw, context, 0.5),
      variants: variantsBy(layers, (index) => index >= config.first_k_dense_replace, [
        {},
        { feedForward: mixture },
      ]),
    };
  },
});
