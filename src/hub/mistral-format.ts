import { asRawConfig, own, type RawConfig, section } from "../core/config/raw.ts";
import { InputError, shown } from "../core/errors.ts";

/** Whether the JSON of a params.json is Mistral's: others keep other things under that name. */
export const isParams = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "dim" in value && "n_layers" in value;

/**
 * Mistral's own `params.json` in the words of transformers' config.json. Dense language models and Voxtral map onto
 * families that are described; anything else is refused by its name.
 * Source: transformers, `models/mistral/convert_mistral_weights_to_hf.py` and `models/voxtral/convert_voxtral_weights_to_hf.py`.
 */
export function fromParams(params: unknown, file: string): RawConfig {
  const raw = asRawConfig(params, file);
  for (const part of ["moe", "vision_encoder", "yarn_moe", "mla", "quantization"]) {
    const value = own(raw, part);
    if (value !== undefined && value !== null) throw notRead(file, part);
  }
  const multimodal = section(raw, "multimodal", "");
  const text = textOf(raw);
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
