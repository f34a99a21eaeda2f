import { count, flag, list, maybe, or, orNull, positions, reader, text } from "../config/schema.ts";
import { causalLm } from "../towers/causal-lm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";

/** Which layers slide, as Qwen 2 and 3 say it: from `max_window_layers` on, if `use_sliding_window`. */
export const qwenSlidingFields = ({ window, from } = { window: 4096, from: 28 }) => ({
  use_sliding_window: or(flag(), false),
  sliding_window: or(orNull(positions()), window),
  max_window_layers: or(count(0), from),
  layer_types: maybe(list(text())),
});

interface Sliding {
  readonly num_hidden_layers: number;
  readonly use_sliding_window: boolean;
  readonly sliding_window: number | null;
  readonly max_window_layers: number;
  readonly layer_types?: readonly string[] | undefined;
}

export const qwenVariants = (config: Sliding) =>
  slidingVariants(
    config.num_hidden_layers,
    config.use_sliding_window ? config.sliding_window : null,
    (index) =>
      config.layer_types
        ? config.layer_types[index] === "sliding_attention"
        : index >= config.max_window_layers,
  );

/** Qwen2Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 151936,
    width: 4096,
    inner: 22016,
    layers: 32,
    heads: 32,
    kvHeads: 32,
    headDim: "width/heads",
    maxPositions: 32768,
    tied: false,
  }),
  ...qwenSlidingFields(),
}));

/** Qwen 2 and 2.5: biases on queries, keys and values. Source: `models/qwen2/modeling_qwen2.py`. */
export const qwen2 = decoderOnly({
  name: "qwen2",
  modelTypes: ["qwen2"],
  architectures: ["Qwen2ForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = read(raw, context);
    const habits = { classes: "Qwen2", bias: { qkv: true }, variants: qwenVariants(config) };
    return {
      ...causalLm(decoderSizes(config, context), habits, place),
      maxPositions: config.max_position_embeddings,
    };
  },
});
