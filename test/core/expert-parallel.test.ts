import { calculateMemory, InputError } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { countParameters } from "../../src/core/derive/parameters.ts";
import { dividedExperts } from "../../src/core/engines/vllm/experts.ts";
import { settleSetup } from "../../src/core/setup.ts";
import { elements } from "../../src/core/tree/tensor.ts";
import { walk } from "../../src/core/tree/walk.ts";
import { modelOf } from "../models.ts";

const MIXTURES = [
  "mistralai/Mixtral-8x7B-v0.1",
  "deepseek-ai/DeepSeek-V3",
  "openai/gpt-oss-20b",
  "Qwen/Qwen3-30B-A3B",
  "meta-llama/Llama-4-Scout-17B-16E-Instruct",
];

/** Parameters of routed experts and of everything else. */
function split(id: string) {
  let routed = 0;
  let most = 0;
  walk(modelOf(id).root, ({ tensors }, { copies }) => {
    for (const { routed: lies, shape } of tensors) {
      if (!lies) continue;
      routed += copies * elements(shape);
      most = lies.of;
    }
  });
  return { routed, experts: most, rest: countParameters(modelOf(id).root).total - routed };
}

describe("routed experts on each rank", () => {
  it.each(MIXTURES)("of %s: whole ones under expert parallel, slices of all otherwise", (id) => {
    const model = modelOf(id);
    const { routed, experts, rest } = split(id);
    expect(experts).toBeGreaterThan(1);
    for (const ranks of [1, 2, 3, 8, 2 * experts]) {
      const whole = settleSetup(model, { dataParallelSize: ranks, enableExpertParallel: true });
      const held = countParameters(dividedExperts(model.root, whole)).total;
      expect(held - rest).toBe((routed / experts) * Math.ceil(experts / ranks));
    }
    const sliced = settleSetup(model, { dataParallelSize: 2 });
    const slices = countParameters(dividedExperts(model.root, sliced)).total - rest;
    // The biases of the matrices out are repeated.
    expect(slices / (routed / 2)).toBeGreaterThanOrEqual(1);
    expect(slices / (routed / 2)).toBeLessThan(1.001);
  });

  it("attention is whole on every replica, and divided by tensor parallel ranks", () => {
    const id = "Qwen/Qwen3-30B-A3B";
    const loaded = (options: object) =>
      calculateMemory(id, { engine: "vllm", ...options }).serving?.modelLoadingBytes ?? Number.NaN;
    const tensor = loaded({ tensorParallelSize: 4 });
    const data = loaded({ dataParallelSize: 4, enableExpertParallel: true });
    const both = loaded({ tensorParallelSize: 2, dataParallelSize: 2, enableExpertParallel: true });
    expect(tensor).toBeLessThan(both);
    expect(both).toBeLessThan(data);
    // 128 experts divide by 4: the experts themselves take as much either way.
    expect(loaded({ tensorParallelSize: 4, enableExpertParallel: true })).toBe(tensor);
  });

  it("a dense model is whole on every replica", () => {
    const one = calculateMemory("Qwen/Qwen3-8B", { engine: "vllm" });
    const four = calculateMemory("Qwen/Qwen3-8B", { engine: "vllm", dataParallelSize: 4 });
    expect(four.weightMemoryBytes).toBe(one.weightMemoryBytes);
    expect(four.serving?.dataParallelSize).toBe(4);
  });

  it.each([
    [{ enableExpertParallel: true }, /--enable-expert-parallel is for servers/],
    [{ dataParallelSize: 2, engine: "generic" }, /--data-parallel-size is for servers/],
    [{ dataParallelSize: 0, engine: "vllm" }, /--data-parallel-size is 0/],
  ])("%j is refused in one sentence", (options, message) => {
    expect(() => calculateMemory("Qwen/Qwen3-30B-A3B", options)).toThrow(InputError);
    expect(() => calculateMemory("Qwen/Qwen3-30B-A3B", options)).toThrow(message);
  });
});
