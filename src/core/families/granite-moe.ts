import { count, flag, or, reader } from "../config/schema.ts";
import { mixtureOfExperts, router } from "../layers/experts.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";
import { graniteSharedMlp } from "./granite-shared.ts";

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

const readShared = reader(() => ({ shared_intermediate_size: or(count(0), 0) }));

/** Experts in every layer, and beside them, where `shared` is above 0, a feed-forward for every token. */
const graniteMixture = (name: string, classes: string, hasShared: boolean) =>
  llamaLike({
    name,
    modelTypes: [name],
    architectures: [`${classes}ForCausalLM`],
    purpose: "text generation",
    read,
    habits: (config, { sizes: { width, inner }, raw, context }) => {
      const { attention_bias: bias, num_local_experts: experts } = config;
      const shared = hasShared ? readShared(raw, context).shared_intermediate_size : 0;
      return {
        classes,
        bias: { qkv: bias, o: bias },
        feedForward: mixtureOfExperts(`${classes}MoE`, "block_sparse_moe", {
          class: `${classes}Experts`,
          width,
          inner,
          experts,
          perToken: config.num_experts_per_tok,
          router: router(`${classes}TopKRouter`, "router", width, experts),
        }),
        extra: shared > 0 ? [graniteSharedMlp(`${classes}MLP`, width, shared)] : [],
      };
    },
  });

/** IBM Granite 3 with experts. Source: `models/granitemoe/modeling_granitemoe.py`. */
export const graniteMoe = graniteMixture("granitemoe", "GraniteMoe", false);

/** The same with a shared expert. Source: `models/granitemoeshared/modeling_granitemoeshared.py`. */
export const graniteMoeShared = graniteMixture("granitemoeshared", "GraniteMoeShared", true);
