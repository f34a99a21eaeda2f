import fc from "fast-check";
import {
  devices,
  estimate,
  fitAll,
  fitOn,
  fitWithChanges,
  GiB,
  gpusOf,
  gpusOfSize,
  onDevices,
  parseMargin,
  vllmServe,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { modelOf } from "../models.ts";

const MODELS = [
  "openai/whisper-large-v3-turbo",
  "Qwen/Qwen2-Audio-7B-Instruct",
  "meta-llama/Llama-3.2-1B",
  "meta-llama/Llama-3.1-70B",
].map(modelOf);

const asked = fc.record({
  model: fc.constantFrom(...MODELS),
  engine: fc.constantFrom("transformers", "vllm"),
  gib: fc.integer({ min: 1, max: 160 }),
  batchSize: fc.integer({ min: 1, max: 64 }),
});
/** A server's defaults depend on the card: they are fixed where cards are compared. */
const FIXED = { maxModelLen: 448, maxNumSeqs: 64, maxNumBatchedTokens: 2048, audioSeconds: 5 };
const optionsFor = (model: (typeof MODELS)[number]) => {
  const { audioSeconds, ...rest } = FIXED;
  return model.audio ? { ...rest, audioSeconds } : rest;
};
const RANK = { "does not fit": 0, tight: 1, fits: 2 };

describe("fit", () => {
  it("is monotone: no worse with more memory, no better with more work or a margin", () => {
    fc.assert(
      fc.property(
        asked,
        fc.integer({ min: 1, max: 80 }),
        ({ model, engine, gib, batchSize }, more) => {
          const options = { engine, batchSize, ...optionsFor(model) };
          const on = (size: number, rest = {}) =>
            RANK[fitOn(model, { ...options, ...rest }, gpusOfSize(size * GiB, 1)).verdict];
          const here = on(gib);
          expect(on(gib + more)).toBeGreaterThanOrEqual(here);
          expect(on(gib, { batchSize: batchSize + more })).toBeLessThanOrEqual(here);
          expect(on(gib, { margin: parseMargin("2GiB") })).toBeLessThanOrEqual(here);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("a margin is its own number and nothing else changes", () => {
    const gpu = gpusOfSize(24 * GiB, 1);
    const [turbo] = MODELS;
    if (!turbo) throw new Error("no model");
    const without = fitOn(turbo, {}, gpu);
    const spared = fitOn(turbo, { margin: parseMargin("10%") }, gpu);
    expect(without.marginBytes).toBe(0);
    expect(spared.marginBytes).toBe(Math.ceil(2.4 * GiB));
    expect(spared.needBytes).toBe(without.needBytes);
    expect(spared.headroomBytes).toBe(without.headroomBytes - spared.marginBytes);
    expect(without.needBytes + without.headroomBytes).toBe(24 * GiB);
  });

  it("what it says to change does make it fit, and is only said where it does not", () => {
    fc.assert(
      fc.property(asked, ({ model, engine, gib, batchSize }) => {
        const options = { engine, batchSize, ...(model.audio ? {} : { maxModelLen: 8192 }) };
        const gpu = gpusOfSize(gib * GiB, 1);
        const said = fitWithChanges(model, options, gpu);
        if (said.fit.fits) expect(said.changes).toEqual([]);
        for (const change of said.changes) {
          const again = fitOn(model, change.options, change.gpus);
          expect(again.fits, change.flags).toBe(true);
          expect(again.headroomBytes, change.flags).toBe(change.outcome.headroomBytes);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("finds changes that an 80 GB card needs for 70B", () => {
    const flags = fitWithChanges(
      modelOf("meta-llama/Llama-3.1-70B"),
      {},
      gpusOfSize(79 * GiB, 1),
    ).changes.map((change) => change.flags);
    expect(flags).toContain("--tensor-parallel-size 2");
    expect(flags).toContain("--precision int8");
  });

  it("over all devices: the least memory first, and the fewest that hold it", () => {
    const model = modelOf("meta-llama/Llama-3.1-70B");
    const all = fitAll(
      model,
      {},
      devices.map((device) => gpusOf(device, 1)),
    );
    expect(all).toHaveLength(devices.length);
    all.forEach(({ fit: said, fewest }, at) => {
      expect(said.gpu.usableBytes).toBeGreaterThanOrEqual(all[at - 1]?.fit.gpu.usableBytes ?? 0);
      if (!fewest) return;
      expect(fewest.fits).toBe(true);
      if (fewest.gpu.count > 1)
        expect(fitOn(model, {}, { ...said.gpu, count: fewest.gpu.count / 2 }).fits).toBe(false);
    });
    expect(all.find(({ fit: said }) => said.gpu.id === "h100-80gb")?.fewest?.gpu.count).toBe(2);
  });

  it("ranks that no head count divides by are not tried", () => {
    const turbo = modelOf("openai/whisper-large-v3-turbo"); // 20 heads
    const [one] = fitAll(turbo, { batchSize: 8 }, [gpusOfSize(1.4 * GiB, 1)]);
    expect([1, 2, 4, undefined]).toContain(one?.fewest?.gpu.count);
  });
});

describe("the vllm serve line", () => {
  const line = (options: Parameters<typeof vllmServe>[1], id = "meta-llama/Llama-3.1-8B") => {
    const settled = onDevices({ engine: "vllm", ...options }, gpusOfSize(40 * GiB, 2));
    return vllmServe(estimate(modelOf(id), { ...settled, id }), settled);
  };
  it("states what the numbers stand for", () => {
    expect(line({ maxModelLen: 8192, kvCacheDtype: "fp8", enforceEager: true })).toEqual({
      command:
        "vllm serve meta-llama/Llama-3.1-8B --dtype bfloat16 --kv-cache-dtype fp8_e4m3 --max-model-len 8192 --max-num-seqs 256 --max-num-batched-tokens 2048 --gpu-memory-utilization 0.92 --tensor-parallel-size 2 --enforce-eager",
      remarks: [],
    });
  });
  it("says what no flag can", () => {
    expect(line({ precision: "int4" })?.remarks).toEqual([
      "serve a checkpoint that is quantised to int4",
    ]);
    expect(line({ precision: "fp8" })?.command).toContain("--quantization fp8");
  });
  it("is for vLLM on a device only", () => {
    const model = modelOf("openai/whisper-tiny");
    expect(vllmServe(estimate(model), {})).toBeUndefined();
    expect(vllmServe(estimate(model, { engine: "vllm" }), {})).toBeUndefined();
  });
  it("quotes a path for the shell", () => {
    const options = { engine: "vllm", gpuMemory: 24 * GiB };
    const report = estimate(modelOf("openai/whisper-tiny"), { ...options, id: "my models/it's" });
    expect(vllmServe(report, options)?.command).toContain("'my models/it'\\''s'");
  });
});
