import { count, dimension, flag, integer, list, or, reader } from "../config/schema.ts";
import { gatedSharedExpert, mixtureOfExperts, router } from "../layers/experts.ts";
import { crossed, slidingVariants, variantsBy } from "../towers/layer-variants.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";
import { qwenSlidingFields } from "./qwen2.ts";

/** Qwen2MoeConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 151936,
    width: 2048,
    inner: 5632,
    layers: 24,
    heads: 16,
    kvHeads: 16,
    headDim: "width/heads",
    maxPositions: 32768,
    tied: false,
  }),
  ...qwenSlidingFields(),
  qkv_bias: or(flag(), true),
  decoder_sparse_step: or(count(), 1),
  moe_intermediate_size: or(dimension(), 1408),
  shared_expert_intermediate_size: or(dimension(), 5632),
  num_experts_per_tok: or(count(), 4),
  num_experts: or(count(0), 60),
  mlp_only_layers: or(list(integer(0, 100_000)), []),
}));

/** Qwen 1.5 and 2 with experts, one of them shared. Source: `models/qwen2_moe/modeling_qwen2_moe.py`. */
export const qwen2Moe = llamaLike({
  name: "qwen2_moe",
  modelTypes: ["qwen2_moe"],
  architectures: ["Qwen2MoeForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { width, layers } }) => {
    const { num_experts: experts, layer_types: types } = config;
    const dense = new Set(config.mlp_only_layers);
    const mixture = mixtureOfExperts("Qwen2MoeSparseMoeBlock", "mlp", {
      class: "Qwen2MoeExperts",
      width,
      inner: config.moe_intermediate_size,
      experts,
      perToken: config.num_experts_per_tok,
      router: router("Qwen2MoeTopKRouter", "gate", width, experts),
      habits: { sharedFirst: true },
      extra: gatedSharedExpert("Qwen2Moe", width, config.shared_expert_intermediate_size),
    });
    const sparse = (index: number) =>
      experts > 0 && !dense.has(index) && (index + 1) % config.decoder_sparse_step === 0;
    const slides = (index: number) =>
      types
        ? types[index] === "sliding_attention"
        : index % 2 === 0 && index < config.max_window_layers;
    return {
      classes: "Qwen2Moe",
      bias: { qkv: config.qkv_bias },
      variants: crossed(
        slidingVariants(layers, config.use_sliding_window ? config.sliding_window : null, slides),
        variantsBy(layers, sparse, [{}, { feedForward: mixture }]),
      ),
    };
  },
});
