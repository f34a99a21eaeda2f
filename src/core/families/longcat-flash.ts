import { count, dimension, flag, or, positions, reader } from "../config/schema.ts";
import { correction, fusedExperts } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { latentAttention } from "../layers/latent-attention.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { stackedLm } from "../towers/stacked-lm.ts";
import { upTo } from "../tree/indices.ts";
import { module, stack } from "../tree/module.ts";
import { decoderOnly } from "./decoder-only.ts";

/** LongcatFlashConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 131072),
  hidden_size: or(dimension(), 6144),
  num_layers: or(count(), 28),
  num_attention_heads: or(dimension(), 64),
  max_position_embeddings: or(positions(), 131072),
  tie_word_embeddings: or(flag(), false),
  attention_bias: or(flag(), false),
  router_bias: or(flag(), false),
  ffn_hidden_size: or(dimension(), 12288),
  q_lora_rank: or(dimension(), 1536),
  kv_lora_rank: or(dimension(), 512),
  qk_nope_head_dim: or(dimension(), 128),
  qk_rope_head_dim: or(dimension(), 64),
  head_dim: or(dimension(), 64),
  v_head_dim: or(dimension(), 128),
  moe_topk: or(count(), 12),
  n_routed_experts: or(count(0), 512),
  zero_expert_num: or(count(0), 256),
  expert_ffn_hidden_size: or(dimension(), 2048),
}));

const CLASSES = "LongcatFlash";

/**
 * Meituan's LongCat-Flash: each layer has attention and a dense feed-forward twice, and beside them a mixture in which some
 * experts do nothing; the first matrices of the mixture have rows for those, too.
 * Source: `models/longcat_flash/modeling_longcat_flash.py`.
 */
export const longcatFlash = decoderOnly({
  name: "longcat_flash",
  modelTypes: ["longcat_flash"],
  architectures: ["LongcatFlashForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = read(raw, context);
    const { hidden_size: width, num_attention_heads: heads, n_routed_experts: experts } = config;
    const zero = config.zero_expert_num;
    const inner = config.expert_ffn_hidden_size;
    const norm = (name: string) => rmsNorm(name, width, `${CLASSES}RMSNorm`);
    const twice = [0, 1];
    const routing = {
      width,
      inner,
      experts,
      perToken: config.moe_topk,
      class: `${CLASSES}Experts`,
    };
    const { tensors } = fusedExperts(routing);
    const mixture = module(
      `${CLASSES}MoE`,
      "mlp",
      [
        module(`${CLASSES}Experts`, "experts", [], {
          tensors: tensors.map((tensor) =>
            tensor.name === "down_proj"
              ? tensor
              : {
                  ...tensor,
                  shape: [experts + zero, ...tensor.shape.slice(1)],
                  routed: { of: experts + zero, picked: config.moe_topk },
                },
          ),
        }),
        {
          ...module(`${CLASSES}TopkRouter`, "router", [
            linear("classifier", width, experts + zero, { bias: config.router_bias }),
          ]),
          buffers: [correction(experts + zero)],
        },
      ],
      { op: { kind: "experts", width, inner, experts, perToken: config.moe_topk } },
    );
    const attend = (index: number) =>
      latentAttention(`${CLASSES}MLA`, `self_attn.${index}`, {
        width,
        heads,
        queryRank: config.q_lora_rank,
        rank: config.kv_lora_rank,
        rotated: config.qk_rope_head_dim,
        unrotated: config.qk_nope_head_dim,
        valueDim: config.v_head_dim,
        bias: config.attention_bias,
        normClass: `${CLASSES}RMSNorm`,
      });
    const dense = (index: number) =>
      gatedFeedForward(`${CLASSES}MLP`, `mlps.${index}`, width, config.ffn_hidden_size);
    const layer = module(
      `${CLASSES}DecoderLayer`,
      "layers",
      [
        mixture,
        ...twice.map(attend),
        ...twice.map(dense),
        ...twice.map((index) => norm(`input_layernorm.${index}`)),
        ...twice.map((index) => norm(`post_attention_layernorm.${index}`)),
      ],
      {
        op: {
          kind: "layer",
          width,
          blocks: ["self_attn.0", "mlp", "mlps.0", "self_attn.1", "mlps.1"].map((run) => ({ run })),
        },
      },
    );
    const language = stackedLm(
      {
        classes: CLASSES,
        vocab: config.vocab_size,
        width,
        tied: config.tie_word_embeddings,
        layers: [stack(upTo(config.num_layers), layer)],
        norm: "norm",
        rotary: config.head_dim,
      },
      place,
    );
    return { ...language, maxPositions: config.max_position_embeddings };
  },
});
