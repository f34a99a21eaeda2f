import { count, flag, or, orNull, positions, reader } from "../config/schema.ts";
import { mixtureOfExperts, router } from "../layers/experts.ts";
import { layerNorm } from "../layers/norm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

const fields = (vocab: number, inner: number) => ({
  ...decoderFields({
    vocab,
    width: 4096,
    inner,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 131072,
    tied: false,
  }),
  sliding_window: or(orNull(positions()), null),
  num_experts_per_tok: or(count(), 2),
});

/** MixtralConfig and PhimoeConfig (transformers 5.18). */
const readMixtral = reader(() => ({ ...fields(32000, 14336), num_local_experts: or(count(), 8) }));
const readPhimoe = reader(() => ({
  ...fields(32064, 6400),
  num_local_experts: or(count(), 16),
  attention_bias: or(flag(), false),
  lm_head_bias: or(flag(), false),
}));

const habits = (
  classes: string,
  routes: string,
  config: ReturnType<typeof readMixtral>,
  { width, inner, layers }: { width: number; inner: number; layers: number },
) => ({
  classes,
  feedForward: mixtureOfExperts(`${classes}SparseMoeBlock`, "mlp", {
    habits: { weights: "fp32" },
    class: `${classes}Experts`,
    width,
    inner,
    experts: config.num_local_experts,
    perToken: config.num_experts_per_tok,
    router: router(`${classes}TopKRouter`, routes, width, config.num_local_experts),
  }),
  variants: slidingVariants(layers, config.sliding_window, () => true),
});

/** Mixtral 8x7B and 8x22B: experts in every layer. Source: `models/mixtral/modeling_mixtral.py`. */
export const mixtral = llamaLike({
  name: "mixtral",
  modelTypes: ["mixtral"],
  architectures: ["MixtralForCausalLM"],
  purpose: "text generation",
  read: readMixtral,
  habits: (config, { sizes }) => habits("Mixtral", "gate", config, sizes),
});

/** Phi-3.5-MoE: Mixtral with layer norms and biases. Source: `models/phimoe/modeling_phimoe.py`. */
export const phimoe = llamaLike({
  name: "phimoe",
  modelTypes: ["phimoe"],
  architectures: ["PhimoeForCausalLM", "PhiMoEForCausalLM"],
  purpose: "text generation",
  read: readPhimoe,
  habits: (config, { sizes }) => {
    const { attention_bias: bias, lm_head_bias: head } = config;
    return {
      ...habits("Phimoe", "router", config, sizes),
      bias: { qkv: bias, o: bias, head },
      norm: layerNorm,
    };
  },
});
