import { describe, expect, it } from "vitest";
import { cacheComparisons, comparisons } from "../measurements/compare.ts";
import { EXPLAINED } from "../measurements/explained.ts";
import { runtimeComparisons, whisperCppLogs } from "../measurements/runtimes.ts";
import { logComparisons } from "../measurements/vllm.ts";

/**
 * Predicted against observed bytes (docs/accuracy.md). The bands are the aims: live tensors are deterministic, so what is left
 * are buffers too small to be named (norm statistics, ids), which is why the median is far below its band.
 */
describe("transformers, bytes alive at the peak of each phase", () => {
  const all = comparisons().filter(({ file, phase }) => !EXPLAINED.has(`${file} ${phase}`));
  const errors = all.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  const quantile = (q: number) => errors[Math.floor(q * (errors.length - 1))] ?? Number.NaN;

  it("covers enough runs to say something", () => {
    expect(all.length).toBeGreaterThan(1500);
  });
  it(`median ${(100 * quantile(0.5)).toFixed(3)} % is under 0.5 %`, () => {
    expect(quantile(0.5)).toBeLessThan(0.005);
  });
  it(`95 % of the runs are within ${(100 * quantile(0.95)).toFixed(3)} %, under 2 %`, () => {
    expect(quantile(0.95)).toBeLessThan(0.02);
  });
  it("none is off by more than 10 %", () => {
    expect(all.filter(({ error }) => Math.abs(error) > 0.1)).toEqual([]);
  });
});

describe("transformers, caches by kind", () => {
  it("equal what was observed, byte for byte", () => {
    const all = cacheComparisons();
    expect(all.length).toBeGreaterThan(500);
    expect(all.filter(({ predicted, observed }) => predicted !== observed)).toEqual([]);
  });
});

describe("vLLM, against logs that users published", () => {
  const logs = logComparisons();

  it("covers some", () => {
    expect(logs.length).toBeGreaterThan(9);
  });
  it.each(logs)("$what of $model: $predicted, logged $logged", ({ error, band }) => {
    expect(Math.abs(error)).toBeLessThan(band);
  });
});

describe("whisper.cpp, against its own log", () => {
  it.each(whisperCppLogs())("$model: $name is $megabytes MB", ({ megabytes, predicted }) => {
    // Two decimals are printed.
    expect(Math.abs(predicted - megabytes)).toBeLessThan(0.0101);
  });
});

describe("Whisper's runtimes, against totals that others published", () => {
  it.each(runtimeComparisons())("$engine, $said: $predicted bytes", ({ error, band }) => {
    expect(Math.abs(error)).toBeLessThan(band);
  });
});
