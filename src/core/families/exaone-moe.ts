import { count, dimension, list, maybe, or, reader, text } from "../config/schema.ts";
import { crossed, slidingVariants, variantsBy } from "../towers/layer-variants.ts";
import { decoderFields, slidingBy, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";
import { sharedExperts } from "./shared-experts.ts";

/** ExaoneMoeConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 102400,
    width: 4096,
    inner: 16384,
    layers: 32,
    heads: 32,
    kvHeads: 32,
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  ...slidingFields(4096),
  mlp_layer_types: maybe(list(text())),
  first_k_dense_replace: or(count(0), 1),
  moe_intermediate_size: or(dimension(), 1024),
  num_experts: or(count(), 64),
  num_experts_per_tok: or(count(), 8),
  num_shared_experts: or(count(0), 1),
}));
const readPattern = reader(() => ({ sliding_window_pattern: or(count(), 4) }));

/** LG's K-EXAONE: EXAONE 4's attention with norms before, DeepSeek-V3's experts. Source: `models/exaone_moe/modeling_exaone_moe.py`. */
export const exaoneMoe = llamaLike({
  name: "exaone_moe",
  modelTypes: ["exaone_moe"],
  architectures: ["ExaoneMoeForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { width, layers }, raw, context }) => {
    const { layer_types: types, mlp_layer_types: kinds, sliding_window: window } = config;
    // A pattern may be a word ("LLLG"), but only beside `layer_types`.
    const pattern = types || window === null ? 1 : readPattern(raw, context).sliding_window_pattern;
    const experts = {
      n_routed_experts: config.num_experts,
      n_shared_experts: config.num_shared_experts,
      num_experts_per_tok: config.num_experts_per_tok,
      moe_intermediate_size: config.moe_intermediate_size,
    };
    const feedForward = sharedExperts(width, experts, { classes: "ExaoneMoe" });
    return {
      classes: "ExaoneMoe",
      normedHeads: true,
      variants: crossed(
        variantsBy(
          layers,
          (index) => (kinds ? kinds[index] === "sparse" : index >= config.first_k_dense_replace),
          [{}, { feedForward }],
        ),
        slidingVariants(
          layers,
          window,
          slidingBy(types, (index) => (index + 1) % pattern !== 0),
        ),
      ),
    };
  },
});
