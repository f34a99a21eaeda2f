import { catalogConfig, describe as describeModel, InputError } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import type { Module } from "../../../src/core/tree/module.ts";
import { walk } from "../../../src/core/tree/walk.ts";

const model = (id: string) => describeModel(catalogConfig(id), { resolve: catalogConfig });

/** What a model remembers: each kind of state with the number of layers that have it. */
function states(root: Module): readonly unknown[] {
  const found: unknown[] = [];
  walk(root, ({ state }, { copies }) => {
    if (state) found.push({ layers: copies, ...state });
  });
  return found;
}

const kv = (layers: number, heads: number, dim: number, window?: number) => ({
  layers,
  kind: "kv",
  over: "self",
  heads,
  keyDim: dim,
  valueDim: dim,
  ...(window !== undefined && { window }),
});

describe("what the layers of a language model remember", () => {
  it.each([
    ["google/gemma-2-2b", [kv(13, 4, 256), kv(13, 4, 256, 4096)]],
    ["openai/gpt-oss-20b", [kv(12, 8, 64), kv(12, 8, 64, 128)]],
    ["CohereLabs/c4ai-command-r7b-12-2024", [kv(8, 8, 128), kv(24, 8, 128, 4096)]],
    ["tiiuae/falcon-7b", [kv(32, 1, 64)]],
    ["tiiuae/falcon-40b", [kv(60, 8, 64)]],
    ["facebook/opt-350m", [kv(24, 16, 64)]],
    ["microsoft/Phi-4-mini-instruct", [kv(32, 8, 128, 262144)]],
  ])("%s keeps keys and values", (id, expected) => {
    expect(states(model(id).root)).toEqual(expected);
  });

  it.each([
    "deepseek-ai/DeepSeek-V2-Lite",
    "deepseek-ai/DeepSeek-V3",
    "moonshotai/Kimi-K2-Instruct",
  ])("%s keeps one latent vector of 512 + 64 values", (id) => {
    for (const state of states(model(id).root)) {
      expect(state).toMatchObject({ kind: "latent", width: 576 });
    }
  });

  it("Qwen3-Next keeps a matrix per value head in three layers of four", () => {
    const hybrid = model("Qwen/Qwen3-Next-80B-A3B-Instruct");
    expect(hybrid.type).toBe("hybrid");
    expect(states(hybrid.root)).toEqual([
      kv(12, 2, 256),
      {
        layers: 36,
        kind: "recurrent",
        parts: [
          { name: "convolution", shape: [8192, 4], units: 16 },
          { name: "delta rule", shape: [32, 128, 128], dtype: "fp32", units: 32 },
        ],
      },
    ]);
  });
});

describe("where a context ends", () => {
  it.each([
    ["openai-community/gpt2", 1024, true],
    ["facebook/opt-1.3b", 2048, true],
    ["bigscience/bloom-560m", undefined, false],
    ["EleutherAI/pythia-1.4b", 2048, false],
  ])("%s", (id, max, hard) => {
    expect(model(id).context).toMatchObject({ max, hard });
  });
});

describe("configs that contradict themselves", () => {
  it.each([
    ["n_head", { model_type: "gpt2", n_head: 7 }],
    ["num_attention_heads", { model_type: "falcon", num_attention_heads: 70 }],
    ["num_key_value_heads", { model_type: "cohere", num_key_value_heads: 7 }],
    ["partial_rotary_factor", { model_type: "phi", partial_rotary_factor: 2 }],
    [
      "rope_scaling.partial_rotary_factor",
      { model_type: "glm", rope_scaling: { partial_rotary_factor: "all" } },
    ],
    ["moe_topk", { model_type: "hunyuan_v1_moe", moe_topk: "some" }],
  ])("names %s", (field, config) => {
    expect(() => describeModel(config)).toThrow(InputError);
    expect(() => describeModel(config)).toThrow(field);
  });
});
