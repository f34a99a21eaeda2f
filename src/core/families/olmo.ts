import { count, flag, or, reader } from "../config/schema.ts";
import { mixtureOfExperts, router } from "../layers/experts.ts";
import { layerNorm, rmsNorm } from "../layers/norm.ts";
import { type DecoderSizes, POST_NORMS } from "../towers/causal-lm.ts";
import { rotaryKinds, slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, slidingBy, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

const dense = () => ({
  ...decoderFields({
    vocab: 50304,
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
});

/** OlmoConfig, Olmo2Config, Olmo3Config and OlmoeConfig (transformers 5.18). */
const read = reader(dense);
const read3 = reader(() => ({
  ...dense(),
  ...slidingFields(4096),
}));
const readMoe = reader(() => ({
  ...decoderFields({
    vocab: 50304,
    width: 2048,
    inner: 2048,
    layers: 16,
    heads: 16,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 4096,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  num_experts: or(count(), 64),
  num_experts_per_tok: or(count(), 8),
}));

/** Norms over the queries of all heads together, and over the keys. */
const normedTogether = (classes: string, { heads, kvHeads, headDim }: DecoderSizes) => [
  rmsNorm("q_norm", heads * headDim, `${classes}RMSNorm`),
  rmsNorm("k_norm", kvHeads * headDim, `${classes}RMSNorm`),
];

/** OLMo 1: norms without parameters. Source: `models/olmo/modeling_olmo.py`. */
export const olmo = llamaLike({
  name: "olmo",
  modelTypes: ["olmo"],
  architectures: ["OlmoForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ attention_bias: bias }) => ({
    classes: "Olmo",
    bias: { qkv: bias, o: bias },
    norm: (name, width) => layerNorm(name, width, { affine: false, class: "OlmoLayerNorm" }),
  }),
});

/** OLMo 2: norms after attention and feed-forward. Source: `models/olmo2/modeling_olmo2.py`. */
export const olmo2 = llamaLike({
  name: "olmo2",
  modelTypes: ["olmo2"],
  architectures: ["Olmo2ForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ attention_bias: bias }, { sizes }) => ({
    classes: "Olmo2",
    bias: { qkv: bias, o: bias },
    normedHeads: normedTogether("Olmo2", sizes),
    norms: POST_NORMS,
  }),
});

/** OLMo 3: OLMo 2 with three sliding layers to one full. Source: `models/olmo3/modeling_olmo3.py`. */
export const olmo3 = llamaLike({
  name: "olmo3",
  modelTypes: ["olmo3"],
  architectures: ["Olmo3ForCausalLM"],
  purpose: "text generation",
  read: read3,
  habits: ({ attention_bias: bias, layer_types: types, sliding_window: window }, { sizes }) => {
    const slides = slidingBy(types, (index) => (index + 1) % 4 !== 0);
    return {
      classes: "Olmo3",
      bias: { qkv: bias, o: bias },
      normedHeads: normedTogether("Olmo3", sizes),
      norms: POST_NORMS,
      rotaryKinds: rotaryKinds(sizes.layers, slides),
      variants: slidingVariants(sizes.layers, window, slides),
    };
  },
});

/** OLMoE: experts in every layer. Source: `models/olmoe/modeling_olmoe.py`. */
export const olmoe = llamaLike({
  name: "olmoe",
  modelTypes: ["olmoe"],
  architectures: ["OlmoeForCausalLM"],
  purpose: "text generation",
  names: { num_local_experts: "num_experts" },
  read: readMoe,
  habits: ({ attention_bias: bias, num_experts: experts, num_experts_per_tok }, { sizes }) => ({
    classes: "Olmoe",
    bias: { qkv: bias, o: bias },
    normedHeads: normedTogether("Olmoe", sizes),
    feedForward: mixtureOfExperts("OlmoeSparseMoeBlock", "mlp", {
      class: "OlmoeExperts",
      width: sizes.width,
      inner: sizes.inner,
      experts,
      perToken: num_experts_per_tok,
      router: router("OlmoeTopKRouter", "gate", sizes.width, experts),
    }),
  }),
});
