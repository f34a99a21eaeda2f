import { type EstimateOptions, estimate, GiB, vllmServe } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { modelOf } from "../models.ts";

const LLAMA = modelOf("meta-llama/Llama-3.1-8B");
/** Of the seven matrices of a layer: inputs and outputs, and which side ranks divide. */
const MATRICES = [
  [4096, 4096, "outputs"],
  [4096, 1024, "outputs"],
  [4096, 1024, "outputs"],
  [4096, 4096, "inputs"],
  [4096, 14_336, "outputs"],
  [4096, 14_336, "outputs"],
  [14_336, 4096, "inputs"],
] as const;
const slots = (options: EstimateOptions) =>
  estimate(LLAMA, { engine: "vllm", maxModelLen: 4096, ...options }).loraAdapterMemoryBytes;

describe("vLLM's LoRA slots", () => {
  it("are there before any adapter is: max_loras × rank × (inputs + outputs)", () => {
    const each = MATRICES.reduce((sum, [inputs, outputs]) => sum + inputs + outputs, 0);
    expect(slots({})).toBe(0);
    expect(slots({ maxLoras: 1 })).toBe(2 * 32 * 16 * each);
    expect(slots({ maxLoras: 4, maxLoraRank: 64 })).toBe(4 * 2 * 32 * 64 * each);
  });
  it("are divided on the side that ranks divide, or on both", () => {
    const of = (sharded: boolean) =>
      MATRICES.reduce((sum, [inputs, outputs, divided]) => {
        const a = divided === "inputs" || sharded ? inputs / 4 : inputs;
        const b = divided === "outputs" || sharded ? outputs / 4 : outputs;
        return sum + 2 * 32 * 16 * (a + b);
      }, 0);
    const shared = { maxLoras: 1, tensorParallelSize: 4 };
    expect(slots(shared)).toBe(of(false));
    expect(slots({ ...shared, fullyShardedLoras: true })).toBe(of(true));
  });
  it("are there for every routed expert and the router", () => {
    const mixtral = modelOf("mistralai/Mixtral-8x7B-v0.1");
    const of = (options: EstimateOptions) =>
      estimate(mixtral, { engine: "vllm", maxModelLen: 4096, maxLoras: 1, ...options })
        .loraAdapterMemoryBytes;
    const attention = 2 * (4096 + 4096) + 2 * (4096 + 1024);
    const expert = 3 * (4096 + 14_336);
    expect(of({})).toBe(2 * 32 * 16 * (attention + 8 * expert + (4096 + 8)));
    const half = 3 * (4096 + 14_336 / 2);
    expect(of({ tensorParallelSize: 2 })).toBe(
      2 * 32 * 16 * (attention - 4096 / 2 - 1024 - 4096 / 2 + 8 * half + (4096 + 8)),
    );
  });
  it("come out of the pool, and the serve line asks for them", () => {
    const options = { engine: "vllm", maxModelLen: 4096, gpuMemory: 40 * GiB };
    const bare = estimate(LLAMA, options).serving?.device?.availableKvCacheBytes ?? 0;
    const asked = { ...options, maxLoras: 2, maxLoraRank: 32 };
    const report = estimate(LLAMA, asked);
    expect(bare - (report.serving?.device?.availableKvCacheBytes ?? 0)).toBe(
      report.loraAdapterMemoryBytes,
    );
    expect(vllmServe(report, asked)?.command).toContain(
      "--enable-lora --max-loras 2 --max-lora-rank 32",
    );
  });
  it("are refused where they make no sense", () => {
    expect(() => slots({ maxLoras: 0 })).toThrow(/--max-loras is 0/);
  });
});
