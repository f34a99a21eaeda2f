import { count, dimension, flag, or, orNull, positions, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { gptModel } from "../towers/gpt.ts";
import { module } from "../tree/module.ts";
import { decoderOnly } from "./decoder-only.ts";
import { headsOf } from "./gpt-config.ts";

/** OPTConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 50272),
  hidden_size: or(dimension(), 768),
  num_hidden_layers: or(count(), 12),
  ffn_dim: or(dimension(), 3072),
  max_position_embeddings: or(positions(), 2048),
  do_layer_norm_before: or(flag(), true),
  _remove_final_layer_norm: or(flag(), false),
  word_embed_proj_dim: or(orNull(dimension()), null),
  num_attention_heads: or(dimension(), 12),
  enable_bias: or(flag(), true),
  layer_norm_elementwise_affine: or(flag(), true),
  tie_word_embeddings: or(flag(), true),
}));

/** The first rows of OPT's position table are for padding. */
const POSITION_OFFSET = 2;

/** OPT and Galactica; the 350M projects its embeddings and norms afterwards. Source: `models/opt/modeling_opt.py`. */
export const opt = decoderOnly({
  name: "opt",
  modelTypes: ["opt"],
  architectures: ["OPTForCausalLM"],
  purpose: "text generation",
  hardLimit: true,
  build(raw, context, place) {
    const config = read(raw, context);
    const { hidden_size: width, num_attention_heads: heads, enable_bias: bias } = config;
    const tokenWidth = config.word_embed_proj_dim ?? width;
    const projects = tokenWidth !== width;
    const affine = config.layer_norm_elementwise_affine;
    const finalNorm = config.do_layer_norm_before && !config._remove_final_layer_norm;
    const language = gptModel(
      {
        classes: ["OPTDecoder", "OPTDecoderLayer"],
        vocab: config.vocab_size,
        width,
        layers: config.num_hidden_layers,
        tokens: "embed_tokens",
        tokenWidth,
        tied: config.tie_word_embeddings,
        entry: [
          embedding("embed_positions", config.max_position_embeddings + POSITION_OFFSET, width),
          projects ? linear("project_out", width, tokenWidth, { bias: false }) : undefined,
          projects ? linear("project_in", tokenWidth, width, { bias: false }) : undefined,
          finalNorm ? layerNorm("final_layer_norm", width, { affine }) : undefined,
        ],
        stack: "layers",
        layer: [
          attention("OPTAttention", "self_attn", {
            width,
            heads,
            headDim: headsOf(width, heads, "num_attention_heads", context),
            names: [
              ["k", "k_proj"],
              ["v", "v_proj"],
              ["q", "q_proj"],
              ["o", "out_proj"],
            ],
            bias,
            span: { kind: "causal" },
            scores: "fp32-softmax",
            cached: true,
          }),
          layerNorm("self_attn_layer_norm", width, { affine }),
          ...feedForwardPair(width, config.ffn_dim, ["fc1", "fc2"], { bias }),
          layerNorm("final_layer_norm", width, { affine }),
        ],
        blocks: [
          "self_attn",
          { kind: "feed-forward", width, inner: config.ffn_dim, gated: false, rebinds: true },
        ],
        exit: [],
        positions: "each",
      },
      { ...place, backbone: `${place.backbone}.decoder` },
    );
    const name = place.backbone.split(".").at(-1) ?? place.backbone;
    return {
      ...language,
      backbone: module("OPTModel", name, [language.backbone]),
      maxPositions: config.max_position_embeddings,
    };
  },
});
