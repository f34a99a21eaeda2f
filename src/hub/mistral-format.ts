import { asRawConfig, own, type RawConfig, section } from "../core/config/raw.ts";
import type { StoredTensor } from "../core/derive/checkpoint.ts";
import { InputError, shown } from "../core/errors.ts";

/** Whether the JSON of a params.json is Mistral's: others keep other things under that name. */
export const isParams = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "dim" in value && "n_layers" in value;

/**
 * Mistral's own `params.json` in the words of transformers' config.json. Language models, dense and with experts, and Voxtral map onto
 * families that are described; anything else is refused by its name.
 * Source: transformers, `models/mistral/convert_mistral_weights_to_hf.py`, `models/mixtral/convert_mixtral_weights_to_hf.py` and `models/voxtral/convert_voxtral_weights_to_hf.py`.
 */
export function fromParams(params: unknown, file: string): RawConfig {
  const raw = asRawConfig(params, file);
  for (const part of ["vision_encoder", "yarn_moe", "mla", "quantization"]) {
    const value = own(raw, part);
    if (value !== undefined && value !== null) throw notRead(file, part);
  }
  const multimodal = section(raw, "multimodal", "");
  const text = textOf(raw);
  const experts = section(raw, "moe", "");
  if (experts && multimodal) throw notRead(file, "moe");
  if (experts)
    return {
      model_type: "mixtral",
      architectures: ["MixtralForCausalLM"],
      ...text,
      ...picked(experts, {
        num_local_experts: "num_experts",
        num_experts_per_tok: "num_experts_per_tok",
      }),
    };
  if (!multimodal)
    return {
      model_type: "mistral",
      architectures: ["MistralForCausalLM"],
      sliding_window: null,
      ...text,
    };
  const whisper = section(multimodal, "whisper_model_args", "multimodal");
  const encoder = whisper && section(whisper, "encoder_args", "multimodal.whisper_model_args");
  if (!encoder) throw notRead(file, "multimodal");
  const sound = section(
    encoder,
    "audio_encoding_args",
    "multimodal.whisper_model_args.encoder_args",
  );
  return {
    model_type: "voxtral",
    architectures: ["VoxtralForConditionalGeneration"],
    text_config: { model_type: "llama", ...text },
    audio_config: {
      model_type: "voxtral_encoder",
      ...picked(encoder, {
        hidden_size: "dim",
        intermediate_size: "hidden_dim",
        num_hidden_layers: "n_layers",
        num_attention_heads: "n_heads",
        vocab_size: "vocab_size",
        max_source_positions: "max_source_positions",
      }),
      ...(sound && picked(sound, { num_mel_bins: "num_mel_bins" })),
    },
    ...picked(raw, { hidden_size: "dim" }),
  };
}

const textOf = (raw: RawConfig): RawConfig => {
  const context = own(raw, "max_position_embeddings") ?? own(raw, "max_seq_len");
  return {
    ...picked(raw, {
      hidden_size: "dim",
      num_hidden_layers: "n_layers",
      head_dim: "head_dim",
      intermediate_size: "hidden_dim",
      num_attention_heads: "n_heads",
      num_key_value_heads: "n_kv_heads",
      vocab_size: "vocab_size",
      tie_word_embeddings: "tied_embeddings",
      sliding_window: "sliding_window",
    }),
    ...(context !== undefined && { max_position_embeddings: context }),
    // The format has no dtype: Mistral publishes in bf16.
    dtype: "bfloat16",
  };
};

function picked(raw: RawConfig, names: Readonly<Record<string, string>>): RawConfig {
  return Object.fromEntries(
    Object.entries(names)
      .map(([to, from]) => [to, own(raw, from)] as const)
      .filter(([, value]) => value !== undefined),
  );
}

const notRead = (file: string, part: string): InputError =>
  new InputError(
    "unknown-model-type",
    `${file} is in Mistral's own format and describes a part, ${shown(part)}, that is not read in that format: use the model's repository in transformers' format.`,
    part,
  );

/** The format's names inside a layer, and outside, in transformers' words. Source: the converters above. */
const IN_LAYER: Readonly<Record<string, string>> = {
  "attention.wq": "self_attn.q_proj",
  "attention.wk": "self_attn.k_proj",
  "attention.wv": "self_attn.v_proj",
  "attention.wo": "self_attn.o_proj",
  "feed_forward.w1": "mlp.gate_proj",
  "feed_forward.w2": "mlp.down_proj",
  "feed_forward.w3": "mlp.up_proj",
  attention_norm: "input_layernorm",
  ffn_norm: "post_attention_layernorm",
};
const OUTSIDE: Readonly<Record<string, string>> = {
  tok_embeddings: "model.embed_tokens",
  norm: "model.norm",
  output: "lm_head",
};

/** Tensors of a dense language model under the names that they have in transformers; of others none, they are not comparable. */
export function renamedTensors(
  config: RawConfig,
  tensors: readonly StoredTensor[],
): readonly StoredTensor[] {
  if (config.model_type !== "mistral") return [];
  return tensors.map((tensor) => {
    const [, layer, part = "", kind = ""] =
      /^(?:layers\.(\d+)\.)?(.+)\.(\w+)$/.exec(tensor.name) ?? [];
    const names = layer === undefined ? OUTSIDE : IN_LAYER;
    const found = Object.hasOwn(names, part) ? names[part] : undefined;
    if (found === undefined) return tensor;
    const path = layer === undefined ? found : `model.layers.${layer}.${found}`;
    return { ...tensor, name: `${path}.${kind}` };
  });
}
