import { within } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  list,
  maybe,
  or,
  orNull,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { mamba2Mixer } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import { causalAttention, stackedLm } from "../towers/stacked-lm.ts";
import { ranges } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderOnly } from "./decoder-only.ts";
import type { Context } from "./family.ts";
import { checkedKinds, layerKinds } from "./mamba-config.ts";

const KINDS: Readonly<Record<string, string>> = {
  M: "linear_attention",
  E: "moe",
  "*": "full_attention",
  "-": "mlp",
};

/** A feed-forward's two matrices. */
const MATRICES = ["up_proj", "down_proj"] as const;

/** NemotronHConfig (transformers 5.18); the `mamba_…` names are older ones, which win. */
const read = reader(() => ({
  chunk_size: or(dimension(), 128),
  mamba_chunk_size: maybe(dimension()),
  vocab_size: or(dimension(), 131072),
  hidden_size: or(dimension(), 4096),
  layers_block_type: maybe(list(text())),
  layer_types: maybe(list(text())),
  hybrid_override_pattern: maybe(text()),
  num_attention_heads: or(dimension(), 32),
  num_key_value_heads: or(orNull(dimension()), 8),
  head_dim: or(dimension(), 128),
  max_position_embeddings: or(positions(), 4096),
  intermediate_size: or(dimension(), 21504),
  mlp_bias: or(flag(), false),
  ssm_state_size: or(dimension(), 128),
  mamba_num_heads: or(dimension(), 128),
  mamba_head_dim: or(dimension(), 64),
  n_groups: or(dimension(), 8),
  mamba_n_groups: maybe(dimension()),
  conv_kernel: or(dimension(), 4),
  mamba_d_conv: maybe(dimension()),
  use_conv_bias: or(flag(), true),
  mamba_conv_bias: maybe(flag()),
  use_bias: or(flag(), false),
  n_routed_experts: or(count(), 8),
  num_experts_per_tok: or(count(), 2),
  moe_intermediate_size: or(dimension(), 7688),
  moe_shared_expert_intermediate_size: or(dimension(), 7688),
  moe_latent_size: maybe(dimension()),
}));
type Config = ReturnType<typeof read>;

function kindsOf(config: Config, context: Context): readonly string[] {
  const field = config.layers_block_type ? "layers_block_type" : "layer_types";
  const stated = config.layers_block_type ?? config.layer_types;
  if (stated)
    return checkedKinds(layerKinds(stated), stated.length, Object.values(KINDS), field, context);
  const pattern = config.hybrid_override_pattern;
  if (pattern === undefined) return ["linear_attention", "moe", "full_attention", "mlp"];
  return Array.from(pattern, (letter) => {
    const kind = KINDS[letter];
    if (kind !== undefined) return kind;
    const path = within(context.path, "hybrid_override_pattern");
    throw new InputError(
      "out-of-range",
      `${path} holds ${JSON.stringify(letter)}, but must hold only M, E, * and -: correct it in the config.`,
      path,
    );
  });
}

/** Experts without gates, a router with a bias that is kept in fp32, and a feed-forward that every token takes. */
function experts(config: Config, width: number): Module {
  const latent = config.moe_latent_size;
  const narrowed = (name: string, from: number, to: number) =>
    linear(name, from, to, { bias: config.mlp_bias });
  return mixtureOfExperts("NemotronHMoE", "mixer", {
    class: "NemotronHExperts",
    width,
    inner: config.moe_intermediate_size,
    experts: config.n_routed_experts,
    perToken: config.num_experts_per_tok,
    gated: false,
    ...(latent !== undefined && { latent }),
    router: {
      ...linear("gate", width, config.n_routed_experts, {
        bias: false,
        class: "NemotronHTopkRouter",
      }),
      buffers: [
        {
          name: "e_score_correction_bias",
          shape: [config.n_routed_experts],
          dtype: "fp32",
          persistent: true,
        },
      ],
    },
    extra: [
      plainFeedForward(
        "NemotronHMLP",
        "shared_experts",
        width,
        config.moe_shared_expert_intermediate_size,
        MATRICES,
        { bias: config.mlp_bias },
      ),
      ...(latent === undefined
        ? []
        : [narrowed("fc1_latent_proj", width, latent), narrowed("fc2_latent_proj", latent, width)]),
    ],
  });
}

/**
 * Nemotron-H (NVIDIA 2025): each layer is one of Mamba 2, attention, a feed-forward, or experts; no positions are encoded,
 * nothing is tied. Source: `models/nemotron_h/modeling_nemotron_h.py`.
 */
export const nemotronH = decoderOnly({
  name: "nemotron_h",
  modelTypes: ["nemotron_h"],
  architectures: ["NemotronHForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const width = config.hidden_size;
    const heads = config.num_attention_heads;
    const kinds = kindsOf(config, context);
    const mixers: Readonly<Record<string, Module>> = {
      linear_attention: mamba2Mixer("NemotronHMamba2Mixer", "mixer", {
        chunk: config.mamba_chunk_size ?? config.chunk_size,
        width,
        inner: config.mamba_num_heads * config.mamba_head_dim,
        heads: config.mamba_num_heads,
        headDim: config.mamba_head_dim,
        groups: config.mamba_n_groups ?? config.n_groups,
        state: config.ssm_state_size,
        kernel: config.mamba_d_conv ?? config.conv_kernel,
        bias: config.use_bias,
        convBias: config.mamba_conv_bias ?? config.use_conv_bias,
        norm: "Zamba2RMSNormGated",
      }),
      mlp: plainFeedForward("NemotronHMLP", "mixer", width, config.intermediate_size, MATRICES, {
        bias: config.mlp_bias,
      }),
      moe: experts(config, width),
      full_attention: causalAttention(
        "NemotronH",
        { width, heads, kvHeads: config.num_key_value_heads ?? heads, headDim: config.head_dim },
        { name: "mixer" },
      ),
    };
    return {
      ...stackedLm(
        {
          classes: "NemotronH",
          vocab: config.vocab_size,
          width,
          tied: false,
          table: "embeddings",
          layers: Object.entries(mixers).map(([kind, mixer]) =>
            stack(
              ranges(kinds.flatMap((own, index) => (own === kind ? [index] : []))),
              module(
                "NemotronHBlock",
                "layers",
                [rmsNorm("norm", width, "NemotronHRMSNorm"), mixer],
                { op: { kind: "layer", width, blocks: [{ run: "mixer" }] } },
              ),
            ),
          ),
          norm: "norm_f",
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});
