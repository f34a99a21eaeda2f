import {
  calculateMemory,
  describe as describeModel,
  estimate,
  InputError,
  renderReport,
  tensorTable,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const SIZES = {
  hidden_size: 512,
  num_hidden_layers: 4,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  intermediate_size: 1024,
  vocab_size: 3200,
};
const UNKNOWN = { model_type: "foo", architectures: ["FooForCausalLM"], ...SIZES };

function refusal(config: unknown, assume?: string): InputError {
  try {
    describeModel(config, assume === undefined ? {} : { assume });
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("an unknown architecture", () => {
  it("is refused without the option, which the refusal names where it would help", () => {
    expect(refusal(UNKNOWN).message).toContain("--assume llama");
    expect(refusal({ ...UNKNOWN, num_experts: 8 }).message).not.toContain("--assume");
  });

  it("is a Llama of the same sizes with it", () => {
    const llama = describeModel({ ...SIZES, model_type: "llama" });
    expect(tensorTable(describeModel(UNKNOWN, { assume: "llama" }).root)).toEqual(
      tensorTable(llama.root),
    );
  });

  it.each([undefined, "vllm", "generic"])("says assumed on every line under %s", (engine) => {
    const report = calculateMemory(UNKNOWN, { assume: "llama", ...(engine && { engine }) });
    expect(new Set(report.ledger.lines.map(({ basis }) => basis))).toEqual(new Set(["assumed"]));
    for (const { source } of report.ledger.lines)
      expect(source).toContain('model_type "foo" is not described');
    const page = renderReport(report);
    for (const { label } of report.ledger.lines) expect(page).toContain(`${label}, assumed`);
    const known = estimate(describeModel({ ...SIZES, model_type: "llama" }), {
      ...(engine && { engine }),
    });
    expect(report.totalMemoryBytes).toBe(known.totalMemoryBytes);
  });

  it("lists what was read, what was not understood, and what was left out", () => {
    const { assumptions } = calculateMemory(
      {
        ...UNKNOWN,
        hidden_act: "relu2",
        rms_norm_eps: 1e-5,
        use_qk_norm: true,
        mlp_bias: true,
        shared_layers: null,
      },
      { assume: "llama" },
    );
    expect(assumptions).toContain(
      "Not understood, and may change every number: hidden_act, use_qk_norm.",
    );
    expect(assumptions.find((sentence) => sentence.startsWith("Read as"))).toMatch(/mlp_bias/);
    expect(assumptions.find((sentence) => sentence.startsWith("Left out"))).toMatch(
      /tie_word_embeddings/,
    );
  });

  it.each<[string, object]>([
    ["hidden_size", { hidden_size: undefined }],
    ["num_experts", { num_experts: 8 }],
    ["moe_intermediate_size", { moe_intermediate_size: 64 }],
    ["kv_lora_rank", { kv_lora_rank: 512 }],
    ["ssm_state_size", { ssm_state_size: 128 }],
    ["vision_config", { vision_config: { hidden_size: 64 } }],
    ["audio_config", { audio_config: { d_model: 64 } }],
    ["is_encoder_decoder", { is_encoder_decoder: true }],
    ["type_vocab_size", { type_vocab_size: 2 }],
    ["layer_types", { layer_types: ["linear_attention"] }],
    ["position_embedding_type", { position_embedding_type: "absolute" }],
    ["architectures", { architectures: ["FooForConditionalGeneration"] }],
  ])("is refused where %s speaks against it", (field, change) => {
    const config = { ...UNKNOWN, ...change };
    const error = refusal(config, "llama");
    expect(error.path).toBe(field);
    expect(error.message).toMatch(/--assume llama does not hold/);
    expect(refusal(config).message).not.toContain("--assume");
  });

  it("does not read absence into null, zero or false", () => {
    const empty = { num_experts: 0, kv_lora_rank: null, is_encoder_decoder: false, moe_layers: [] };
    expect(describeModel({ ...UNKNOWN, ...empty }, { assume: "llama" }).assumed).toBeDefined();
  });
});

it("a known architecture is described as itself, and the report says so", () => {
  const report = calculateMemory("openai/whisper-tiny", { assume: "llama" });
  expect(report.totalMemoryBytes).toBe(calculateMemory("openai/whisper-tiny").totalMemoryBytes);
  expect(report.assumptions[0]).toMatch(/--assume llama is not needed/);
});

it("only llama can be assumed", () => {
  expect(refusal(UNKNOWN, "qwen").message).toBe(
    '--assume is "qwen", but an unknown architecture can only be assumed to be llama.',
  );
});
