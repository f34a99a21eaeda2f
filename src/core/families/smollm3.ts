import {
  count,
  flag,
  integer,
  list,
  maybe,
  or,
  orNull,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** SmolLM3Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 128256,
    width: 2048,
    inner: 11008,
    layers: 36,
    heads: 16,
    kvHeads: 4,
    headDim: "width/heads",
    maxPositions: 32768,
    tied: true,
  }),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
  use_sliding_window: or(flag(), false),
  sliding_window: or(orNull(positions()), null),
  no_rope_layers: maybe(list(integer(0, 1))),
  no_rope_layer_interval: or(count(), 4),
  layer_types: maybe(list(text())),
}));

/**
 * SmolLM 3: every fourth layer has no rotary positions, and slides if any does. `no_rope_layers` says 1 where a layer
 * has them. Source: `models/smollm3/modeling_smollm3.py`.
 */
export const smollm3 = llamaLike({
  name: "smollm3",
  modelTypes: ["smollm3"],
  architectures: ["SmolLM3ForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes }) => {
    const { attention_bias: bias, no_rope_layers: rotates, layer_types: types } = config;
    const window = config.use_sliding_window ? config.sliding_window : null;
    return {
      classes: "SmolLM3",
      bias: { qkv: bias, o: bias, feedForward: config.mlp_bias },
      variants: slidingVariants(sizes.layers, window, (index) => {
        if (types) return types[index] === "sliding_attention";
        return rotates ? rotates[index] === 0 : (index + 1) % config.no_rope_layer_interval === 0;
      }),
    };
  },
});
