import { count, flag, or, reader } from "../config/schema.ts";
import { mixtureOfExperts, router } from "../layers/experts.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, slidingBy, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** GptOssConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 201088,
    width: 2880,
    inner: 2880,
    layers: 36,
    heads: 64,
    kvHeads: 8,
    headDim: 64,
    maxPositions: 131072,
    tied: false,
  }),
  attention_bias: or(flag(), true),
  ...slidingFields(128),
  num_local_experts: or(count(), 128),
  num_experts_per_tok: or(count(), 4),
}));

/**
 * gpt-oss: every second layer slides, each head has a sink to attend to when nothing matters, experts have biases.
 * Source: `models/gpt_oss/modeling_gpt_oss.py`.
 */
export const gptOss = llamaLike({
  name: "gpt_oss",
  modelTypes: ["gpt_oss"],
  architectures: ["GptOssForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { width, inner, heads, layers } }) => {
    const { attention_bias: bias, layer_types: types, num_local_experts: experts } = config;
    return {
      classes: "GptOss",
      bias: { qkv: bias, o: bias },
      attention: {
        habits: { sinks: true, always: "eager" },
        tensors: [{ name: "sinks", shape: [heads], cut: { dim: 0, units: heads } }],
      },
      feedForward: mixtureOfExperts("GptOssMLP", "mlp", {
        class: "GptOssExperts",
        transposed: true,
        biased: true,
        habits: { clamped: true },
        width,
        inner,
        experts,
        perToken: config.num_experts_per_tok,
        router: router("GptOssTopKRouter", "router", width, experts, { bias: true }),
      }),
      variants: slidingVariants(
        layers,
        config.sliding_window,
        slidingBy(types, (index) => index % 2 === 0),
      ),
    };
  },
});
