import { calculateTotalMemory, describe as describeModel, InputError } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const refusal = (config: unknown): InputError => {
  try {
    describeModel(config);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("not refused");
};

describe("models that see", () => {
  it.each([
    [
      { model_type: "gemma3", vision_config: { num_attention_heads: 7 } },
      "vision_config.num_attention_heads",
    ],
    [{ model_type: "llava", vision_config: { model_type: "clip" } }, "vision_config.model_type"],
    [{ model_type: "llava", text_config: { model_type: "nope" } }, "text_config.model_type"],
    [{ model_type: "internvl", downsample_ratio: 0 }, "downsample_ratio"],
    [
      { model_type: "qwen2_vl", vision_config: { embed_dim: 100, num_heads: 16 } },
      "vision_config.num_heads",
    ],
    [
      { model_type: "qwen2_5_omni", token2wav_config: { dit_config: { enc_channels: [8] } } },
      "token2wav_config.dit_config.enc_kernel_sizes",
    ],
    [{ model_type: "llava_next", vision_feature_layer: "last" }, "vision_feature_layer"],
  ])("refuses %j by the field's name", (config, field) => {
    expect(refusal(config).path).toBe(field);
  });

  it("takes Gemma 3 for its text alone where another model stands on it", () => {
    const gemma = { model_type: "gemma3", text_config: { num_hidden_layers: 2 } };
    const { root } = describeModel(
      { model_type: "ultravox", text_model_id: "gemma", audio_config: {} },
      { resolve: () => gemma },
    );
    expect(JSON.stringify(root)).not.toContain("Siglip");
  });

  it("remembers no more of Llama 4's chunked layers than a chunk", () => {
    const bytes = (maxModelLen: number) =>
      calculateTotalMemory({ model_type: "llama4" }, { maxModelLen, promptTokens: 1 })
        .ledger.lines.filter(({ kind }) => kind === "kv-cache")
        .reduce((sum, line) => sum + Number(line.bytes), 0);
    const perToken = 48 * 8 * 128 * 2 * 2;
    // A quarter of the layers see everything; the others keep one position less than their chunk (cache_utils.py).
    const held = (tokens: number) => (tokens * perToken) / 4 + (8191 * perToken * 3) / 4;
    expect(bytes(8192)).toBe(held(8192));
    expect(bytes(16384)).toBe(held(16384));
  });
});
