import {
  calculateMemory,
  describe as describeModel,
  InputError,
  vllmServe,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const LLAMA = {
  model_type: "llama",
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 96,
  vocab_size: 100,
  max_position_embeddings: 4096,
};
const longest = (config: object): number | undefined => describeModel(config).context.max;
const refusal = (config: object): string => {
  try {
    describeModel(config);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return "accepted";
};

describe("rotary scaling and the longest context, as vLLM derives it", () => {
  const YARN = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 4096 };
  it.each<[string, object, number]>([
    ["none", {}, 4096],
    ["linear", { rope_scaling: { type: "linear", factor: 2.5 } }, 10_240],
    ["dynamic", { rope_scaling: { rope_type: "dynamic", factor: 8 } }, 32_768],
    ["yarn", { rope_scaling: YARN }, 16_384],
    ["yarn, already stated", { rope_scaling: YARN, max_position_embeddings: 16_384 }, 16_384],
    ["yarn of an unstated length", { rope_scaling: { type: "yarn", factor: 4 } }, 16_384],
    ["rope_parameters", { rope_parameters: YARN }, 16_384],
    ["rope_scaling wins", { rope_scaling: YARN, rope_parameters: { type: "default" } }, 16_384],
    ["null", { rope_scaling: null }, 4096],
    ["mrope", { rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] } }, 4096],
    ["a type of its own", { rope_scaling: { rope_type: "gptj" } }, 4096],
    ["llama3", { rope_scaling: { rope_type: "llama3", factor: 8 } }, 4096],
    [
      "longrope",
      {
        original_max_position_embeddings: 1024,
        rope_scaling: { type: "longrope", short_factor: [1], long_factor: [2] },
      },
      4096,
    ],
    ["model_max_length", { model_max_length: 131_072 }, 131_072],
    [
      "by types of layers",
      { rope_parameters: { full_attention: YARN, sliding_attention: { rope_type: "default" } } },
      16_384,
    ],
  ])("%s", (_name, change, length) => {
    expect(longest({ ...LLAMA, ...change })).toBe(length);
  });

  it("Gemma 3 states the stretched length", () => {
    const gemma = { ...LLAMA, model_type: "gemma3_text", head_dim: 16 };
    expect(longest({ ...gemma, rope_scaling: { rope_type: "linear", factor: 8 } })).toBe(4096);
  });

  it("holds for language models inside others", () => {
    const text_config = { ...LLAMA, rope_scaling: YARN };
    expect(longest({ model_type: "voxtral", text_config })).toBe(16_384);
    const qwen = { ...LLAMA, model_type: "qwen2_vl", rope_scaling: YARN };
    expect(longest(qwen)).toBe(16_384);
  });

  it.each<[string, RegExp]>([
    ['"yarn"', /^rope_scaling is "yarn", but must be an object/],
    ["[4]", /^rope_scaling is \[4\], but must be an object/],
    ['{"type": "yarn"}', /^rope_scaling\.factor is missing/],
    ['{"type": "linear", "factor": "4"}', /^rope_scaling\.factor is "4", but must be a finite/],
    ['{"type": "linear", "factor": 0}', /^rope_scaling\.factor is 0/],
    ['{"type": "linear", "factor": -2}', /^rope_scaling\.factor is -2/],
    ['{"rope_type": 3}', /^rope_scaling\.rope_type is 3, but must be a string/],
    ['{"type": "longrope"}', /^rope_scaling\.short_factor is missing/],
    ['{"type": "su", "short_factor": [1], "long_factor": 2}', /^rope_scaling\.long_factor is 2/],
  ])("%s is refused in a sentence", (scaling, sentence) => {
    expect(refusal({ ...LLAMA, rope_scaling: JSON.parse(scaling) })).toMatch(sentence);
  });
});

describe("a context beyond the model's", () => {
  const asked = { maxModelLen: 8192, gpuMemory: 24 * 2 ** 30 };
  it("transformers runs, and the report says that it is longer", () => {
    expect(calculateMemory(LLAMA, { maxModelLen: 8192 }).assumptions).toContain(
      "The context of 8,192 tokens is longer than the 4,096 that the config states.",
    );
  });
  it("vLLM refuses unless it is told to, and the command tells it", () => {
    const report = calculateMemory(LLAMA, { ...asked, engine: "vllm" });
    expect(report.assumptions.join()).toMatch(
      /vLLM refuses --max-model-len 8,192, more than the 4,096/,
    );
    expect(report.serving?.derivedMaxModelLen).toBe(4096);
    expect(vllmServe(report, asked)?.command).toMatch(
      /^VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 vllm serve/,
    );
    const within = calculateMemory(LLAMA, { ...asked, maxModelLen: 4096, engine: "vllm" });
    expect(within.assumptions.join()).not.toMatch(/refuses/);
    expect(vllmServe(within, asked)?.command).toMatch(/^vllm serve/);
  });
  it("ALiBi has no limit", () => {
    expect(longest({ model_type: "bloom" })).toBeUndefined();
  });
  it("a table of positions is one", () => {
    expect(() => calculateMemory({ model_type: "gpt2" }, { maxModelLen: 2048 })).toThrow(
      /more than the 1,024 positions/,
    );
  });
});

describe("layer_types", () => {
  const types = (...names: string[]) => ({
    ...LLAMA,
    model_type: "qwen3",
    use_sliding_window: true,
    sliding_window: 128,
    layer_types: names,
  });
  it("names a type for each layer", () => {
    expect(refusal(types("full_attention", "sliding_attention"))).toBe("accepted");
    expect(refusal(types("full_attention"))).toBe(
      "layer_types has 1 entry, but the model has 2 layers: it must name one type for each.",
    );
  });
  it("names types that exist", () => {
    expect(refusal(types("full_attention", "slidin_attention"))).toMatch(
      /layer_types names "slidin_attention", .*nearest: sliding_attention/,
    );
  });
  it("so it is inside a model", () => {
    const text_config = { ...types("full_attention") };
    expect(refusal({ model_type: "voxtral", text_config })).toMatch(
      /^text_config\.layer_types has/,
    );
  });
});
