import { count, dimension, flag, integer, or, orAuto, reader } from "../config/schema.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { mambaMixer } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import { causalAttention, stackedLm } from "../towers/stacked-lm.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { checkedOffset } from "./mamba-config.ts";

/** JambaConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 65536,
    width: 4096,
    inner: 14336,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 262144,
    tied: false,
  }),
  num_experts_per_tok: or(count(), 2),
  num_experts: or(count(), 16),
  expert_layer_period: or(count(), 2),
  expert_layer_offset: or(integer(0, 100_000), 1),
  attn_layer_period: or(count(), 8),
  attn_layer_offset: or(integer(0, 100_000), 4),
  mamba_d_state: or(dimension(), 16),
  mamba_d_conv: or(dimension(), 4),
  mamba_expand: or(dimension(), 2),
  mamba_dt_rank: or(orAuto(dimension()), "auto"),
  mamba_conv_bias: or(flag(), true),
  mamba_proj_bias: or(flag(), false),
}));

/**
 * Jamba (Lieber et al. 2024): one layer in `attn_layer_period` attends, the others are Mamba; one in
 * `expert_layer_period` has experts. No positions are encoded. Source: `models/jamba/modeling_jamba.py`.
 */
export const jamba = decoderOnly({
  name: "jamba",
  modelTypes: ["jamba"],
  architectures: ["JambaForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const { width, inner, layers } = sizes;
    for (const part of ["attn", "expert"] as const) {
      const fields = [`${part}_layer_offset`, `${part}_layer_period`] as const;
      checkedOffset(config[fields[0]], config[fields[1]], fields, context);
    }
    const norm = (name: string, size = width) => rmsNorm(name, size, "JambaRMSNorm");
    const rank = config.mamba_dt_rank === "auto" ? Math.ceil(width / 16) : config.mamba_dt_rank;
    const state = config.mamba_d_state;
    const attends = (index: number) =>
      index % config.attn_layer_period === config.attn_layer_offset;
    const routes = (index: number) =>
      config.num_experts > 1 && index % config.expert_layer_period === config.expert_layer_offset;

    const attend = causalAttention("Jamba", sizes);
    const mix = mambaMixer("JambaMambaMixer", "mamba", {
      width,
      inner: config.mamba_expand * width,
      state,
      kernel: config.mamba_d_conv,
      rank,
      bias: config.mamba_proj_bias,
      convBias: config.mamba_conv_bias,
      norms: [norm("dt_layernorm", rank), norm("b_layernorm", state), norm("c_layernorm", state)],
    });
    const dense = gatedFeedForward("JambaMLP", "feed_forward", width, inner);
    const experts = mixtureOfExperts("JambaSparseMoeBlock", "feed_forward", {
      class: "JambaExperts",
      width,
      inner,
      experts: config.num_experts,
      perToken: config.num_experts_per_tok,
      router: linear("router", width, config.num_experts, { bias: false }),
    });
    const layer = (kind: string, mixer: Module, feedForward: Module) =>
      module(
        `Jamba${kind}DecoderLayer`,
        "layers",
        [mixer, feedForward, norm("input_layernorm"), norm("pre_ff_layernorm")],
        { op: { kind: "layer", width, blocks: [{ run: mixer.name }, { run: feedForward.name }] } },
      );
    const kinds = [
      { layer: layer("Mamba", mix, dense), attention: false, experts: false },
      { layer: layer("Mamba", mix, experts), attention: false, experts: true },
      { layer: layer("Attention", attend, dense), attention: true, experts: false },
      { layer: layer("Attention", attend, experts), attention: true, experts: true },
    ];
    return {
      ...stackedLm(
        {
          classes: "Jamba",
          vocab: sizes.vocab,
          width,
          tied: sizes.tied,
          layers: kinds.map((kind) =>
            stack(
              those(layers, (i) => attends(i) === kind.attention && routes(i) === kind.experts),
              kind.layer,
            ),
          ),
          norm: "final_layernorm",
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});
