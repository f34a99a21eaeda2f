import { count, flag, or, reader } from "../config/schema.ts";
import { mixtureOfExperts, router } from "../layers/experts.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** GraniteMoeConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 32000,
    width: 4096,
    inner: 11008,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  num_local_experts: or(count(), 8),
  num_experts_per_tok: or(count(), 2),
}));

/** IBM Granite 3 with experts. Source: `models/granitemoe/modeling_granitemoe.py`. */
export const graniteMoe = llamaLike({
  name: "granitemoe",
  modelTypes: ["granitemoe"],
  architectures: ["GraniteMoeForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { width, inner } }) => {
    const { attention_bias: bias, num_local_experts: experts } = config;
    return {
      classes: "GraniteMoe",
      bias: { qkv: bias, o: bias },
      feedForward: mixtureOfExperts("GraniteMoeMoE", "block_sparse_moe", {
        class: "GraniteMoeExperts",
        width,
        inner,
        experts,
        perToken: config.num_experts_per_tok,
        router: router("GraniteMoeTopKRouter", "router", width, experts),
      }),
    };
  },
});
