import type { RawConfig } from "../core/config/raw.ts";
import type { StoredTensor } from "../core/derive/checkpoint.ts";
import type { GgufHeader } from "./gguf.ts";

/** llama.cpp's architectures that are the same model as one of transformers': by `general.architecture`. */
const SAME: Readonly<Record<string, string>> = {
  llama: "llama",
  qwen2: "qwen2",
  qwen3: "qwen3",
  qwen3moe: "qwen3_moe",
  granite: "granite",
};

/** Fields of a config.json and the GGUF keys, below the architecture's name, that hold the same number. */
const FIELDS: Readonly<Record<string, string>> = {
  hidden_size: "embedding_length",
  num_hidden_layers: "block_count",
  intermediate_size: "feed_forward_length",
  num_attention_heads: "attention.head_count",
  num_key_value_heads: "attention.head_count_kv",
  head_dim: "attention.key_length",
  max_position_embeddings: "context_length",
  num_experts: "expert_count",
  num_experts_per_tok: "expert_used_count",
  moe_intermediate_size: "expert_feed_forward_length",
};

/** The config.json that a GGUF file of a language model stands for, or undefined where its architecture has none here. */
export function configOf({ metadata, tensors }: GgufHeader): RawConfig | undefined {
  const architecture = metadata["general.architecture"];
  const type =
    typeof architecture === "string" && Object.hasOwn(SAME, architecture)
      ? SAME[architecture]
      : undefined;
  const [vocabulary] = tensors.find(({ name }) => name === "token_embd.weight")?.shape ?? [];
  if (type === undefined || vocabulary === undefined) return undefined;
  const config: Record<string, unknown> = {
    model_type: type,
    vocab_size: vocabulary,
    tie_word_embeddings: !tensors.some(({ name }) => name === "output.weight"),
  };
  for (const [field, key] of Object.entries(FIELDS)) {
    const value = metadata[`${architecture}.${key}`];
    if (Array.isArray(value)) return undefined; // layers of different sizes: none of the families above
    if (typeof value === "number" || typeof value === "bigint") config[field] = Number(value);
  }
  return config;
}

/** llama.cpp's names inside a block, in transformers' words. Source: llama.cpp, `gguf-py/gguf/tensor_mapping.py`. */
const IN_BLOCK: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
  ffn_gate_inp: "mlp.gate",
  ffn_gate_exps: "mlp.experts.gate_proj",
  ffn_up_exps: "mlp.experts.up_proj",
  ffn_down_exps: "mlp.experts.down_proj",
};
const OUTSIDE: Readonly<Record<string, string>> = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
};

/** The tensor under the name that it has in transformers; one without any keeps its own. */
export function renamed(tensor: StoredTensor): StoredTensor {
  const [, layer, part = "", kind = ""] =
    /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(tensor.name) ?? [];
  const names = layer === undefined ? OUTSIDE : IN_BLOCK;
  const found = Object.hasOwn(names, part) ? names[part] : undefined;
  if (found === undefined) return tensor;
  const path = layer === undefined ? found : `model.layers.${layer}.${found}`;
  return { ...tensor, name: `${path}.${kind}` };
}
