import fc from "fast-check";
import {
  type EstimateOptions,
  estimate,
  GiB,
  gpusOfSize,
  limits,
  parseMargin,
  runner,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { largest } from "../../src/core/answers/largest.ts";
import { withSeconds } from "../../src/core/answers/limits.ts";
import { modelOf } from "../models.ts";

const TURBO = modelOf("openai/whisper-large-v3-turbo");
const MODELS = [
  TURBO,
  modelOf("Qwen/Qwen2-Audio-7B-Instruct"),
  modelOf("meta-llama/Llama-3.2-1B"),
  modelOf("openai/whisper-tiny"),
];

describe("largest", () => {
  it("is the last number for which it holds", () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (low, more, last) => {
        const found = largest(low, low + more, (n) => n <= last);
        expect(found).toBe(last < low ? undefined : Math.min(last, low + more));
      }),
    );
  });
  it("asks about no number outside", () => {
    expect(largest(5, 4, () => true)).toBeUndefined();
    expect(largest(1, 7, (n) => n >= 1 && n <= 7)).toBe(7);
  });
});

/** Whether the real report says that a workload runs: the rule of each engine, from the report's own numbers. */
function runs(model: (typeof MODELS)[number], options: EstimateOptions, size: number): boolean {
  const report = estimate(model, { ...options, gpuMemory: size });
  if (!report.serving) return report.totalMemoryBytes <= size;
  const { device, maxNumSeqs, maxModelLen } = report.serving;
  if (!device || report.workload.batchSize > maxNumSeqs) return false;
  const longest = estimate(model, {
    ...options,
    batchSize: 1,
    gpuMemory: size,
    maxModelLen,
  }).serving;
  return (
    device.concurrentRequests >= report.workload.batchSize &&
    (longest?.device?.concurrentRequests ?? 0) >= 1 &&
    report.totalMemoryBytes <= size
  );
}

const asked = fc.record({
  model: fc.constantFrom(...MODELS),
  engine: fc.constantFrom("transformers", "vllm"),
  gib: fc.integer({ min: 1, max: 80 }),
  batchSize: fc.integer({ min: 1, max: 8 }),
});

describe("limits", () => {
  it("fit, and one more does not", () => {
    fc.assert(
      fc.property(asked, ({ model, engine, gib, batchSize }) => {
        const size = gib * GiB;
        const options = { engine, batchSize, ...(model.audio ? {} : { maxModelLen: 4096 }) };
        const found = limits(model, options, gpusOfSize(size, 1));

        const { value: batch, boundBy } = found.sequences;
        if (batch !== null) {
          expect(runs(model, { ...options, batchSize: batch }, size)).toBe(true);
          expect(["memory", "engine"]).toContain(boundBy);
        }
        expect(runs(model, { ...options, batchSize: (batch ?? 0) + 1 }, size)).toBe(false);

        const context = found.context;
        if (context?.value != null) {
          expect(runs(model, { ...options, maxModelLen: context.value }, size)).toBe(true);
          if (context.boundBy === "memory")
            expect(runs(model, { ...options, maxModelLen: context.value + 1 }, size)).toBe(false);
          else expect(context.value).toBe(model.context.max);
        }

        const audio = found.audioSeconds;
        if (audio?.value != null) {
          const at = (seconds: number) => withSeconds(model, options, seconds);
          expect(runs(model, { ...options, ...at(audio.value) }, size)).toBe(true);
          if (audio.boundBy === "memory")
            expect(runs(model, { ...options, ...at(audio.value + 1) }, size)).toBe(false);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("never shrink on a larger device, nor grow with a margin", () => {
    fc.assert(
      fc.property(asked, fc.integer({ min: 1, max: 20 }), ({ model, engine, gib }, more) => {
        const options = { engine, maxModelLen: 400, maxNumSeqs: 64, maxNumBatchedTokens: 4096 };
        const of = (size: number, margin = "0GiB") =>
          limits(
            model,
            model.audio
              ? { ...options, audioSeconds: 5, margin: parseMargin(margin) }
              : { ...options, margin: parseMargin(margin) },
            gpusOfSize(size, 1),
          );
        const small = of(gib * GiB);
        const large = of((gib + more) * GiB);
        const spared = of((gib + more) * GiB, "1GiB");
        const size = ({ value }: { value: number | null }) => value ?? 0;
        expect(size(large.sequences)).toBeGreaterThanOrEqual(size(small.sequences));
        expect(size(large.sequences)).toBeGreaterThanOrEqual(size(spared.sequences));
      }),
      { numRuns: 60 },
    );
  });

  it("vLLM holds as many streams as its own report says", () => {
    for (const gib of [8, 16, 24, 80]) {
      const gpus = gpusOfSize(gib * GiB, 1);
      const { sequences } = limits(TURBO, { engine: "vllm" }, gpus);
      const report = estimate(TURBO, { engine: "vllm", gpuMemory: gib * GiB });
      expect(sequences.value).toBe(report.serving?.device?.concurrentRequests);
    }
  });

  it("a stated context bounds the audio that becomes tokens of it", () => {
    const qwen = modelOf("Qwen/Qwen3-ASR-1.7B");
    const found = limits(qwen, { maxModelLen: 1000 }, gpusOfSize(80 * GiB, 1));
    expect(found.audioSeconds?.boundBy).toBe("option");
    const free = limits(qwen, {}, gpusOfSize(80 * GiB, 1));
    expect(free.audioSeconds?.value).toBeGreaterThan(found.audioSeconds?.value ?? 0);
  });

  it("durations rise, agree with the report, and end where memory does", () => {
    const { durations } = limits(MODELS[1] ?? TURBO, {}, gpusOfSize(24 * GiB, 1));
    expect(durations.length).toBeGreaterThan(3);
    durations.forEach((point, at) => {
      expect(point.needBytes).toBeGreaterThanOrEqual(durations[at - 1]?.needBytes ?? 0);
      expect(point.headroomBytes).toBe(24 * GiB - point.needBytes);
    });
  });
});

describe("a runner says what the report says", () => {
  it("of any workload", () => {
    fc.assert(
      fc.property(asked, ({ model, engine, gib, batchSize }) => {
        const options = model.audio ? { engine, audioSeconds: 7 } : { engine };
        const outcome = runner(model, options, gpusOfSize(gib * GiB, 1), { bytes: 0 }).outcome({
          ...options,
          batchSize,
        });
        expect(outcome.fits).toBe(runs(model, { ...options, batchSize }, gib * GiB));
        if (engine === "transformers")
          expect(outcome.needBytes).toBe(
            estimate(model, { ...options, batchSize }).totalMemoryBytes,
          );
      }),
      { numRuns: 100 },
    );
  });
});

describe("margins", () => {
  it("are read as sizes or shares", () => {
    expect(parseMargin("10%")).toEqual({ share: 0.1 });
    expect(parseMargin("1GiB")).toEqual({ bytes: GiB });
  });
  it.each(["10", "1 %%", "100%", "-1GiB", "x", ""])("%j is refused", (text) => {
    expect(() => parseMargin(text)).toThrow(/--margin is /);
  });
});
