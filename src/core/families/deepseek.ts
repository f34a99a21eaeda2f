import { count, dimension, flag, list, maybe, or, orNull, reader, text } from "../config/schema.ts";
import { latentAttention } from "../layers/latent-attention.ts";
import type { DecoderHabits } from "../towers/causal-lm.ts";
import { variantsBy } from "../towers/layer-variants.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";
import { sharedExperts } from "./shared-experts.ts";

interface Defaults {
  readonly decoder: Parameters<typeof decoderFields>[0];
  readonly experts: number;
  readonly shared: number;
  readonly expertInner: number;
  readonly perToken: number;
  readonly dense: number;
}

const fields = ({ decoder, experts, shared, expertInner, perToken, dense }: Defaults) => ({
  ...decoderFields(decoder),
  attention_bias: or(flag(), false),
  kv_lora_rank: or(dimension(), 512),
  q_lora_rank: or(orNull(dimension()), 1536),
  qk_rope_head_dim: or(dimension(), 64),
  qk_nope_head_dim: or(dimension(), 128),
  v_head_dim: or(dimension(), 128),
  first_k_dense_replace: or(count(0), dense),
  n_routed_experts: or(count(), experts),
  n_shared_experts: or(count(0), shared),
  num_experts_per_tok: or(count(), perToken),
  moe_intermediate_size: or(dimension(), expertInner),
});

/** DeepseekV2Config, DeepseekV3Config and Glm4MoeLiteConfig (transformers 5.18). `q_lora_rank: null` leaves queries uncompressed. */
const read2 = reader(() => ({
  ...fields({
    decoder: {
      vocab: 102400,
      width: 4096,
      inner: 11008,
      layers: 32,
      heads: 32,
      kvHeads: "heads",
      headDim: "width/heads",
      maxPositions: 2048,
      tied: false,
    },
    experts: 64,
    shared: 2,
    expertInner: 1407,
    // The class has none, and every published config states it: 6.
    perToken: 6,
    dense: 0,
  }),
  mlp_bias: or(flag(), false),
}));
const read3 = reader(() =>
  fields({
    decoder: {
      vocab: 129280,
      width: 7168,
      inner: 18432,
      layers: 61,
      heads: 128,
      kvHeads: 128,
      headDim: "width/heads",
      maxPositions: 4096,
      tied: false,
    },
    experts: 256,
    shared: 1,
    expertInner: 2048,
    perToken: 8,
    dense: 3,
  }),
);

interface Kind {
  readonly classes: string;
  /** Class of a mixture of experts. */
  readonly mixture: string;
  readonly mlpBias: boolean;
  /** Whether the router corrects its scores. */
  readonly corrected: boolean;
  /** Rotary tables are as wide as `head_dim`, where a config states one. */
  readonly rotatedByHead?: boolean;
  /** Which layers have experts; default: all after the first dense ones. */
  readonly sparse?: (index: number) => boolean;
}

const readLite = reader(() => ({
  ...fields({
    decoder: {
      vocab: 154880,
      width: 2048,
      inner: 10240,
      layers: 47,
      heads: 20,
      kvHeads: 20,
      headDim: "width/heads",
      maxPositions: 202752,
      tied: false,
    },
    experts: 64,
    shared: 1,
    expertInner: 1536,
    perToken: 4,
    dense: 1,
  }),
  q_lora_rank: or(orNull(dimension()), 768),
  qk_nope_head_dim: or(dimension(), 192),
  v_head_dim: or(dimension(), 256),
  mlp_layer_types: maybe(list(text())),
}));

/** The first layers are dense; in the others every token goes through shared experts too. */
function habits(
  config: ReturnType<typeof read3>,
  { classes, mixture, mlpBias: bias, corrected, sparse, rotatedByHead }: Kind,
): DecoderHabits {
  const { hidden_size: width } = config;
  return {
    classes,
    rotated: (rotatedByHead ? config.head_dim : undefined) ?? config.qk_rope_head_dim,
    bias: { feedForward: bias },
    variants: variantsBy(
      config.num_hidden_layers,
      sparse ?? ((index) => index >= config.first_k_dense_replace),
      [
        {},
        {
          feedForward: sharedExperts(width, config, {
            classes,
            mixture,
            corrected,
            bias,
            weights: "fp32",
          }),
        },
      ],
    ).map((variant) => ({
      ...variant,
      attention: latentAttention(`${classes}Attention`, "self_attn", {
        width,
        heads: config.num_attention_heads,
        queryRank: config.q_lora_rank,
        rank: config.kv_lora_rank,
        rotated: config.qk_rope_head_dim,
        unrotated: config.qk_nope_head_dim,
        valueDim: config.v_head_dim,
        bias: config.attention_bias,
        normClass: `${classes}RMSNorm`,
      }),
    })),
  };
}

/** DeepSeek-V2, V2-Lite and Coder-V2. Source: `models/deepseek_v2/modeling_deepseek_v2.py`. */
export const deepseekV2 = llamaLike({
  name: "deepseek_v2",
  modelTypes: ["deepseek_v2"],
  architectures: ["DeepseekV2ForCausalLM"],
  purpose: "text generation",
  names: { num_experts: "n_routed_experts" },
  read: read2,
  habits: (config) =>
    habits(config, {
      classes: "DeepseekV2",
      mixture: "DeepseekV2Moe",
      mlpBias: config.mlp_bias,
      corrected: false,
    }),
});

/**
 * DeepSeek-V3, R1 and Kimi K2. The layer that predicts a second token is in the files but not in the model that runs.
 * Source: `models/deepseek_v3/modeling_deepseek_v3.py`.
 */
export const deepseekV3 = llamaLike({
  name: "deepseek_v3",
  modelTypes: ["deepseek_v3", "kimi_k2"],
  architectures: ["DeepseekV3ForCausalLM"],
  purpose: "text generation",
  names: { num_local_experts: "n_routed_experts" },
  read: read3,
  habits: (config) =>
    habits(config, {
      classes: "DeepseekV3",
      rotatedByHead: true,
      mixture: "DeepseekV3MoE",
      mlpBias: false,
      corrected: true,
    }),
});

/** GLM-4.7-Flash: DeepSeek-V3's parts. Source: `models/glm4_moe_lite/modeling_glm4_moe_lite.py`. */
export const glm4MoeLite = llamaLike({
  name: "glm4_moe_lite",
  modelTypes: ["glm4_moe_lite"],
  architectures: ["Glm4MoeLiteForCausalLM"],
  purpose: "text generation",
  names: { num_local_experts: "n_routed_experts" },
  read: readLite,
  habits: (config) => {
    const types = config.mlp_layer_types;
    return habits(config, {
      classes: "Glm4MoeLite",
      mixture: "Glm4MoeLiteMoE",
      mlpBias: false,
      corrected: true,
      // `first_k_dense_replace` is not among this class's fields.
      sparse: (index) => (types ? types[index] === "sparse" : index > 0),
    });
  },
});
