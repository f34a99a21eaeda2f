import { count, dimension, flag, or, positions, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { stackedLm } from "../towers/stacked-lm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderOnly } from "./decoder-only.ts";

/** JetMoeConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 32000),
  hidden_size: or(dimension(), 2048),
  num_hidden_layers: or(count(), 12),
  num_key_value_heads: or(dimension(), 16),
  kv_channels: or(dimension(), 128),
  intermediate_size: or(dimension(), 5632),
  max_position_embeddings: or(positions(), 4096),
  num_local_experts: or(count(), 8),
  num_experts_per_tok: or(count(), 2),
  tie_word_embeddings: or(flag(), true),
}));

/**
 * JetMoE (Shen et al. 2024): experts for feed-forwards, and for the queries and outputs of attention, so that a token has as
 * many heads as experts × key/value heads. Source: `models/jetmoe/modeling_jetmoe.py`.
 */
export const jetmoe = decoderOnly({
  name: "jetmoe",
  modelTypes: ["jetmoe"],
  architectures: ["JetMoeForCausalLM"],
  purpose: "text generation",
  names: { head_dim: "kv_channels" },
  build(raw, context, place) {
    const config = read(raw, context);
    const { hidden_size: width, kv_channels: headDim, num_key_value_heads: kvHeads } = config;
    const { num_local_experts: experts, num_experts_per_tok: perToken } = config;
    const routed = { of: experts, picked: perToken };
    const values = kvHeads * headDim;
    /** Two matrices for every expert, a bias for all of them, and the router. */
    const parts = (inputs: number, inner: number) => ({
      children: [
        module("JetMoeTopKGating", "router", [linear("layer", width, experts, { bias: false })]),
      ],
      tensors: [
        { name: "bias", shape: [width] },
        {
          name: "input_linear.weight",
          shape: [experts, inputs, width],
          cut: { dim: 1, units: inner },
          routed,
        },
        {
          name: "output_linear.weight",
          shape: [experts, width, inner],
          cut: { dim: 2, units: inner },
          routed,
        },
      ],
    });
    const inner = config.intermediate_size;
    const feed = parts(2 * inner, inner);
    const mixture: Module = module("JetMoeMoE", "mlp", feed.children, {
      tensors: feed.tensors,
      op: { kind: "experts", width, inner, experts, perToken },
    });
    const ask = parts(values, values);
    const attend = module(
      "JetMoeAttention",
      "self_attention",
      [
        module("JetMoeMoA", "experts", ask.children, { tensors: ask.tensors }),
        linear("kv_proj", width, 2 * values, {
          bias: false,
          divide: { by: "columns", units: kvHeads },
        }),
      ],
      {
        op: {
          kind: "attention",
          width,
          heads: perToken * kvHeads,
          kvHeads,
          headDim,
          valueDim: headDim,
          over: "self",
          span: { kind: "causal" },
          scores: "fp32-softmax",
        },
        state: { kind: "kv", over: "self", heads: kvHeads, keyDim: headDim, valueDim: headDim },
      },
    );
    const norm = (name: string) => rmsNorm(name, width, "JetMoeRMSNorm");
    const layer = module(
      "JetMoeDecoderLayer",
      "layers",
      [mixture, norm("input_layernorm"), norm("post_attention_layernorm"), attend],
      { op: { kind: "layer", width, blocks: [{ run: "self_attention" }, { run: "mlp" }] } },
    );
    const language = stackedLm(
      {
        classes: "JetMoe",
        vocab: config.vocab_size,
        width,
        tied: config.tie_word_embeddings,
        layers: [stack(upTo(config.num_hidden_layers), layer)],
        norm: "norm",
        rotary: headDim,
      },
      place,
    );
    return { ...language, maxPositions: config.max_position_embeddings };
  },
});
