import { InputError, shown } from "../errors.ts";
import { own, type RawConfig } from "./raw.ts";

/** JSON that lies beside models and is not their config.json: how it is told, and what to say. */
interface Foreign {
  readonly is: (raw: RawConfig) => boolean;
  readonly field: string;
  readonly say: (raw: RawConfig) => string;
}

const has =
  (...keys: readonly string[]) =>
  (raw: RawConfig): boolean =>
    keys.every((key) => own(raw, key) !== undefined);

/** In this order: the first that fits speaks. None of them has a `model_type`. */
const FOREIGN: readonly Foreign[] = [
  {
    is: has("_class_name"),
    field: "_class_name",
    say: (raw) =>
      `_class_name is ${shown(own(raw, "_class_name"))}, a part or pipeline of diffusers: diffusion models are not described here, and nothing about their memory is guessed.`,
  },
  {
    is: has("peft_type"),
    field: "peft_type",
    say: (raw) => {
      const base = own(raw, "base_model_name_or_path");
      const where = typeof base === "string" ? shown(base) : "its base model";
      return `This is the config of an adapter (peft_type ${shown(own(raw, "peft_type"))}), not of a model: give ${where}, which it adapts, or the adapter's folder.`;
    },
  },
  {
    is: has("weight_map"),
    field: "weight_map",
    say: () =>
      "This is the index of a checkpoint (weight_map), not a config: keep it under its name model.safetensors.index.json or give the folder.",
  },
  {
    is: (raw) => has("added_tokens", "model")(raw) || has("tokenizer_class")(raw),
    field: "tokenizer_class",
    say: () =>
      "This is the config of a tokenizer, not of a model: give the config.json that lies beside it.",
  },
  {
    is: (raw) =>
      ["feature_extractor_type", "image_processor_type", "processor_class"].some((key) =>
        has(key)(raw),
      ),
    field: "processor_class",
    say: () =>
      "This is the config of a processor (what prepares audio or images), not of a model: give the config.json that lies beside it.",
  },
  {
    is: (raw) =>
      has("_from_model_config")(raw) ||
      (has("eos_token_id")(raw) && !has("architectures")(raw) && !has("hidden_size")(raw)),
    field: "eos_token_id",
    say: () =>
      "This is a generation_config.json (how text is sampled), not the config of a model: give the config.json that lies beside it.",
  },
  {
    is: (raw) =>
      has("max_seq_length", "do_lower_case")(raw) ||
      (has("__version__")(raw) && has("similarity_fn_name")(raw)),
    field: "model_type",
    say: () =>
      "This is a settings file of sentence-transformers, not the config of a model: give the config.json of the transformer that it wraps.",
  },
  {
    is: has("pretrained_cfg"),
    field: "pretrained_cfg",
    say: (raw) =>
      `This is the config of a timm model (architecture ${shown(own(raw, "architecture") ?? "unnamed")}), and timm's image models are not described here.`,
  },
  {
    is: has("n_mels", "n_audio_ctx"),
    field: "n_mels",
    say: () =>
      "These are the dimensions of OpenAI's own Whisper format: give the model in transformers' format, such as openai/whisper-small.",
  },
];

/** @throws InputError that says what `raw` is, where it is known not to be a model's config.json. */
export function refuseForeign(raw: RawConfig): void {
  const found =
    typeof own(raw, "model_type") === "string" ? undefined : FOREIGN.find(({ is }) => is(raw));
  if (found) throw new InputError("not-a-config", found.say(raw), found.field);
}
