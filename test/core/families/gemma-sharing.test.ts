import { describe as describeModel, InputError, type Module } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

/** Layers with keys and values of their own, and what their heads are like. */
function states(module: Module, copies = 1): string[] {
  const count = (module.indices ?? [[0, 0]]).reduce((sum, [a, b]) => sum + b - a + 1, 0) * copies;
  const own =
    module.state?.kind === "kv"
      ? [`${count} × ${module.state.heads} × ${module.state.keyDim}, window ${module.state.window}`]
      : [];
  return [...own, ...module.children.flatMap((child) => states(child, count))];
}

describe("layers that share keys and values keep none", () => {
  it("Gemma 3n: the last 15 of 35", () => {
    expect(states(describeModel({ model_type: "gemma3n_text" }).root)).toEqual([
      "16 × 2 × 256, window 512",
      "4 × 2 × 256, window undefined",
    ]);
  });

  it("Gemma 4: full layers have global heads", () => {
    const config = {
      model_type: "gemma4_text",
      num_hidden_layers: 12,
      num_kv_shared_layers: 6,
      attention_k_eq_v: true,
      num_global_key_value_heads: 1,
    };
    expect(states(describeModel(config).root)).toEqual([
      "5 × 4 × 256, window 512",
      "1 × 1 × 512, window undefined",
    ]);
  });

  it("refuses a layer with nobody to share with", () => {
    const config = { model_type: "gemma3n_text", num_hidden_layers: 6, num_kv_shared_layers: 2 };
    expect(() => describeModel(config)).toThrow(InputError);
  });
});
