import { describe as describeModel, InputError } from "llm-memory-calculator";
import { expect, it } from "vitest";

/** What lies beside a config.json, or is given in place of one, and what the refusal must say of it. */
const FOREIGN: readonly (readonly [string, object, RegExp])[] = [
  [
    "a diffusers part",
    { _class_name: "UNet2DConditionModel" },
    /"UNet2DConditionModel".*diffusion/,
  ],
  ["a pipeline", { _class_name: "FluxPipeline", vae: ["diffusers", "AutoencoderKL"] }, /diffusion/],
  ["a transformer of one", { _class_name: "FluxTransformer2DModel", num_layers: 19 }, /diffusion/],
  ["an adapter", { peft_type: "LORA", base_model_name_or_path: "a/b" }, /adapter.*"a\/b"/],
  ["a tokenizer's config", { tokenizer_class: "LlamaTokenizer" }, /tokenizer/],
  ["a tokenizer", { added_tokens: [], model: { type: "BPE" } }, /tokenizer/],
  ["a processor's", { feature_extractor_type: "WhisperFeatureExtractor" }, /processor/],
  ["a generation config", { _from_model_config: true, eos_token_id: 2 }, /generation_config/],
  ["an index", { metadata: {}, weight_map: { a: "b" } }, /index of a checkpoint/],
  ["sentence-transformers", { max_seq_length: 512, do_lower_case: false }, /sentence-transformers/],
  ["timm", { architecture: "resnet50", num_classes: 10, pretrained_cfg: {} }, /timm.*described/],
  ["OpenAI's Whisper", { n_mels: 80, n_audio_ctx: 1500 }, /OpenAI's own Whisper/],
  ["nothing", {}, /model_type is missing/],
];

it.each(FOREIGN)("%s is named", (_what, config, sentence) => {
  let message = "";
  try {
    describeModel(config);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    message = error.message;
  }
  expect(message).toMatch(sentence);
  expect(message.trim().split("\n")).toHaveLength(1);
});

it("a model's config with such a field is still a model's", () => {
  const config = { model_type: "whisper", tokenizer_class: "WhisperTokenizer", weight_map: {} };
  expect(describeModel(config).family).toBe("whisper");
});
