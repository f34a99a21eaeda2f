import fc from "fast-check";
import {
  estimate,
  GiB,
  gpusOfSize,
  InputError,
  parseMargin,
  pipeline,
  type Stage,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { stageFrom, stageFromLine } from "../../src/core/answers/stage-options.ts";
import { modelOf } from "../models.ts";

const stage = (id: string, options: Stage["options"] = {}, process?: string): Stage => ({
  name: id,
  id,
  model: modelOf(id),
  options,
  ...(process !== undefined && { process }),
});
const TURBO = stage("openai/whisper-large-v3-turbo", { batchSize: 2 });
const QWEN = stage("Qwen/Qwen3-4B", { engine: "vllm", maxModelLen: 4096 });
const W2V = stage("facebook/wav2vec2-base-960h", { audioSeconds: 20 });

describe("pipeline", () => {
  it("of one stage is its report", () => {
    const report = estimate(TURBO.model, TURBO.options);
    const said = pipeline([TURBO]);
    expect(said.inTurnBytes).toBe(report.totalMemoryBytes);
    expect(said.togetherBytes).toBe(report.totalMemoryBytes);
    expect(said.timeline.map(({ phase, totalBytes }) => ({ phase, totalBytes }))).toEqual(
      report.phases.map(({ phase, totalBytes }) => ({ phase, totalBytes })),
    );
    expect(said.fitsInTurn).toBeNull();
  });

  it("adds up: idle others beside the phase that runs, peaks together", () => {
    const all = [TURBO, W2V, stage("openai/whisper-tiny")];
    fc.assert(
      fc.property(fc.subarray(all, { minLength: 1 }), (stages) => {
        const said = pipeline(stages);
        const reports = stages.map(({ model, options }) => estimate(model, options));
        const peaks = reports.map(({ totalMemoryBytes }) => totalMemoryBytes as number);
        expect(said.togetherBytes).toBe(peaks.reduce((a, b) => a + b, 0));
        expect(said.inTurnBytes).toBeLessThanOrEqual(said.togetherBytes);
        expect(said.inTurnBytes).toBeGreaterThanOrEqual(Math.max(...peaks));
        const loads = reports.map(({ phases }) => phases[0]?.totalBytes ?? 0);
        for (const point of said.timeline) {
          const at = stages.findIndex(({ name }) => name === point.stage);
          const idle = loads.reduce((sum: number, load, i) => sum + (i === at ? 0 : load), 0);
          expect(point.totalBytes).toBe(point.ownBytes + idle);
        }
      }),
    );
  });

  it("a process has one context, however many models it runs", () => {
    const apart = pipeline([TURBO, W2V]);
    const shared = pipeline([
      { ...TURBO, process: "a" },
      { ...W2V, process: "a" },
    ]);
    const context = estimate(W2V.model, W2V.options)
      .ledger.lines.filter(({ label }) => /^(CUDA context|cuBLAS workspace)$/.test(label))
      .reduce((sum, line) => sum + line.bytes, 0);
    expect(context).toBeGreaterThan(0);
    expect(apart.togetherBytes - shared.togetherBytes).toBe(context);
  });

  it("gives a server the least share with which it runs", () => {
    const gpu = gpusOfSize(24 * GiB, 1);
    const [server] = pipeline([QWEN], gpu).stages;
    const share = server?.gpuMemoryUtilization ?? 0;
    const at = (gpuMemoryUtilization: number) =>
      estimate(QWEN.model, { ...QWEN.options, gpuMemory: gpu.usableBytes, gpuMemoryUtilization });
    expect(at(share).serving?.device?.concurrentRequests).toBeGreaterThanOrEqual(1);
    expect(at(share - 0.01).serving?.device?.concurrentRequests).toBe(0);
    expect(server?.peakBytes).toBe(at(share).totalMemoryBytes);
    const stated = { ...QWEN, options: { ...QWEN.options, gpuMemoryUtilization: 0.8 } };
    expect(pipeline([stated], gpu).stages[0]?.gpuMemoryUtilization).toBe(0.8);
  });

  it("says when it does not fit, and leaves the margin free", () => {
    const small = pipeline([QWEN, TURBO], gpusOfSize(6 * GiB, 1));
    expect(small.stages[0]?.starts).toBe(false);
    expect(small.fitsInTurn).toBe(false);
    const need = pipeline([TURBO, W2V]).togetherBytes;
    expect(pipeline([TURBO, W2V], gpusOfSize(need, 1)).fitsTogether).toBe(true);
    expect(pipeline([TURBO, W2V], gpusOfSize(need - 1, 1)).fitsTogether).toBe(false);
    const spared = pipeline([TURBO, W2V], gpusOfSize(need, 1), parseMargin("1MiB"));
    expect(spared.fitsTogether).toBe(false);
    expect(spared.marginBytes).toBe(2 ** 20);
  });

  it("needs a stage and one device", () => {
    expect(() => pipeline([])).toThrow(InputError);
    expect(() => pipeline([TURBO], gpusOfSize(GiB, 2))).toThrow(/one device/);
  });
});

describe("a stage's text", () => {
  it("reads the options' names in either spelling, and lines", () => {
    const options = { engine: "vllm", batchSize: 8, enforceEager: true };
    const model = "openai/whisper-tiny";
    expect(stageFrom({ model, ...options }, "s").options).toEqual(options);
    const kebab = { model, engine: "vllm", "batch-size": 8, "enforce-eager": true };
    expect(stageFrom(kebab, "s").options).toEqual(options);
    expect(stageFromLine(`${model} --engine=vllm --batch-size 8 --enforce-eager`)).toEqual({
      model,
      name: undefined,
      process: undefined,
      options,
    });
  });
  it.each([
    [null, /^stages\[0\] is null/],
    [[], /must be an object/],
    [{}, /names no model/],
    [{ model: 3 }, /stages\[0\]\.model is 3, but must be a text/],
    [{ model: "x", batchsize: 3 }, /"batchsize", which no stage takes \(nearest: batchSize/],
    [{ model: "x", batchSize: "many" }, /batchSize is "many", but must be a number/],
    [{ model: "x", enforceEager: "yes" }, /must be true or false/],
    [{ model: "x", deviceOverhead: "600" }, /which is no size/],
    [{ model: "x", __proto__x: 1 }, /which no stage takes/],
  ])("%j is refused", (value, message) => {
    expect(() => stageFrom(value, "stages[0]")).toThrow(InputError);
    expect(() => stageFrom(value, "stages[0]")).toThrow(message);
  });
  it("a line is refused in the same words", () => {
    expect(() => stageFromLine("")).toThrow(/names no model/);
    expect(() => stageFromLine("x y")).toThrow(/where an option such as/);
    expect(() => stageFromLine("x --batch-size")).toThrow(/must be a number/);
  });
});
