import { count, dimension, flag, or, reader } from "../config/schema.ts";
import { crossed, slidingVariants, variantsBy } from "../towers/layer-variants.ts";
import { decoderFields, slidingBy, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";
import { sharedExperts } from "./shared-experts.ts";

/** Dots1Config (transformers 5.18); the experts have no defaults. */
const read = reader(() => ({
  ...decoderFields({
    vocab: 152064,
    width: 4608,
    inner: 10944,
    layers: 62,
    heads: 32,
    kvHeads: 32,
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  n_routed_experts: count(),
  n_shared_experts: count(0),
  num_experts_per_tok: count(),
  moe_intermediate_size: or(dimension(), 1408),
  first_k_dense_replace: or(count(0), 0),
  ...slidingFields(4096),
  max_window_layers: or(count(0), 62),
}));

/** rednote's dots.llm1: DeepSeek-V3's experts under Qwen 3's attention. Source: `models/dots1/modeling_dots1.py`. */
export const dots1 = llamaLike({
  name: "dots1",
  modelTypes: ["dots1"],
  architectures: ["Dots1ForCausalLM"],
  purpose: "text generation",
  names: { num_local_experts: "n_routed_experts" },
  read,
  habits: (config, { sizes: { width, layers } }) => {
    const { attention_bias: bias, layer_types: types } = config;
    const feedForward = sharedExperts(width, config, { classes: "Dots1" });
    return {
      classes: "Dots1",
      bias: { qkv: bias, o: bias },
      normedHeads: true,
      variants: crossed(
        variantsBy(layers, (index) => index >= config.first_k_dense_replace, [{}, { feedForward }]),
        slidingVariants(
          layers,
          config.sliding_window,
          slidingBy(types, (index) => index >= config.max_window_layers),
        ),
      ),
    };
  },
});
