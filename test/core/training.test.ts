import fc from "fast-check";
import {
  compare,
  countParameters,
  type EstimateOptions,
  estimate,
  GiB,
  gpusOfSize,
  InputError,
  limits,
  type MemoryReport,
  prepare,
  sweep,
  type TrainingOptions,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { trainingComparisons } from "../measurements/training.ts";
import { modelOf, SPREAD } from "../models.ts";

const LLAMA = modelOf("meta-llama/Llama-3.1-8B");
const TURBO = modelOf("openai/whisper-large-v3-turbo");
const P = 8_030_261_248;

const train = (training: TrainingOptions, options: EstimateOptions = {}, model = LLAMA) =>
  estimate(model, { maxModelLen: 448, ...options, training });
const line = (report: MemoryReport, label: string) =>
  report.ledger.lines
    .filter((one) => one.label.startsWith(label))
    .reduce((sum, { bytes }) => sum + bytes, 0);

const forward = ({ phases }: MemoryReport): number =>
  phases.find(({ phase }) => phase === "forward")?.totalBytes ?? 0;

describe("full training", () => {
  it("in mixed precision holds the 16 bytes a parameter that ZeRO counts", () => {
    const report = train({}, { precision: "bf16" });
    expect(countParameters(LLAMA.root).total).toBe(P);
    expect(line(report, "weights")).toBe(2 * P);
    expect(line(report, "gradients")).toBe(2 * P);
    expect(line(report, "fp32 master")).toBe(4 * P);
    expect(line(report, "adamw states")).toBe(8 * P);
  });

  it("in fp32, or without master weights, has no copies", () => {
    const single = train({}, { precision: "fp32" });
    expect(line(single, "fp32 master")).toBe(0);
    expect(line(single, "gradients")).toBe(4 * P);
    expect(line(train({ masterWeights: false }), "fp32 master")).toBe(0);
  });

  it("has the states of its optimiser", () => {
    const states = (optimizer: string) => line(train({ optimizer }), optimizer);
    expect(states("sgd")).toBe(0);
    expect(states("sgd-momentum")).toBe(4 * P);
    // Vectors of 4096 keep 8-bit states too; nothing in Llama is smaller.
    expect(states("adamw-8bit")).toBe(2 * P + (2 * 4 * P) / 256);
    expect(states("adafactor")).toBeLessThan(P / 100);
    expect(states("adafactor")).toBeGreaterThan(0);
  });

  it("is divided among data-parallel ranks as the stage says", () => {
    const at = (sharding: string) => train({ sharding, dataParallelSize: 8 });
    const plain = train({});
    const held = ["adamw states", "fp32 master", "gradients", "weights"];
    const divided = { "zero-1": 2, "zero-2": 3, "zero-3": 4, fsdp: 4 };
    for (const [sharding, count] of Object.entries(divided)) {
      const report = at(sharding);
      held.forEach((label, i) => {
        const whole = line(plain, label);
        const expected = i < count ? whole / 8 : whole;
        expect(Math.abs(line(report, label) - expected), `${sharding} ${label}`).toBeLessThan(64);
      });
    }
    const layer = (P - 2 * 128_256 * 4096 - 4096) / 32;
    expect(line(at("fsdp"), "gathered layer")).toBe(2 * layer);
  });
});

describe("LoRA", () => {
  it("learns two matrices for each targeted layer, in fp32", () => {
    const report = train({ method: "lora", loraRank: 16, loraTargets: ["q_proj", "v_proj"] });
    const count = 32 * 16 * (4096 + 4096 + 4096 + 1024);
    expect(line(report, "adapters")).toBe(4 * count);
    expect(line(report, "gradients")).toBe(4 * count);
    expect(line(report, "adamw states")).toBe(8 * count);
    expect(report.loraAdapterMemoryBytes).toBe(16 * count);
    expect(line(report, "fp32 master")).toBe(0);
  });
  it("goes on all linear layers but the head where none is named", () => {
    const each = 2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 14_336);
    expect(line(train({ method: "lora" }), "adapters")).toBe(4 * 32 * 8 * each);
  });
  it("over four bits is QLoRA", () => {
    const report = train({ method: "lora" }, { precision: "nf4" });
    expect(report.weightMemoryBytes).toBeLessThan(0.45 * 2 * P);
    expect(line(report, "gradients")).toBe(line(train({ method: "lora" }), "gradients"));
  });
});

describe("activations", () => {
  it("are what PyTorch kept and what it peaked at, in every recorded run", () => {
    const rows = trainingComparisons();
    const errors = rows.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
    const at = (q: number) => errors[Math.floor(q * errors.length)] ?? 1;
    const worst = [...rows].sort((a, b) => Math.abs(b.error) - Math.abs(a.error)).slice(0, 5);
    const told = worst.map(({ model, run, what, error }) => `${model} ${run} ${what} ${error}`);
    console.log(
      `training: ${rows.length} figures, median ${at(0.5)}, 95 % ${at(0.95)}, worst`,
      told,
    );
    expect(rows.length).toBeGreaterThan(150);
    expect(at(0.5)).toBeLessThan(0.01);
    expect(at(0.95)).toBeLessThan(0.1);
  });
  it("grow with batch and length, shrink with checkpointing, and are more with eager attention", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(LLAMA, TURBO),
        fc.integer({ min: 1, max: 32 }),
        fc.integer({ min: 10, max: 400 }),
        fc.constantFrom("full", "lora"),
        (model, batchSize, maxModelLen, method) => {
          const of = (options: EstimateOptions, more: TrainingOptions = {}) =>
            forward(train({ method, ...more }, { batchSize, maxModelLen, ...options }, model));
          const here = of({});
          expect(of({ batchSize: batchSize + 1 })).toBeGreaterThan(here);
          expect(of({ maxModelLen: maxModelLen + 1 })).toBeGreaterThan(here);
          expect(of({}, { gradientCheckpointing: true })).toBeLessThan(here);
          expect(of({ attnImplementation: "eager" })).toBeGreaterThan(here);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("every family", () => {
  it.each(SPREAD)("%s has an additive, sourced report, or a reason", (id) => {
    const model = modelOf(id);
    for (const training of [{}, { method: "lora" }, { sharding: "fsdp", dataParallelSize: 4 }]) {
      let report: MemoryReport;
      try {
        report = estimate(model, { training, precision: "bf16" });
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
        expect(String(error)).toMatch(/cannot be sized|no linear layer/);
        continue;
      }
      const sum = report.ledger.lines.reduce(
        (all, one) => all + (one.alive[report.peakPhase] ?? 0),
        0,
      );
      expect(report.totalMemoryBytes).toBe(sum);
      for (const one of report.ledger.lines) {
        expect(one.source).toMatch(/\S.{10,}/);
        expect(one.formula).not.toMatch(/NaN|undefined|Infinity/);
      }
      const quick = prepare(model, { training, precision: "bf16" }).total({});
      expect(quick.totalMemoryBytes).toBe(report.totalMemoryBytes);
    }
  });
});

it("compare and sweep give the numbers of estimate", () => {
  const gpu = gpusOfSize(80 * GiB, 1);
  const options = {
    training: { method: "lora", loraRank: 4 },
    precision: "bf16",
    maxModelLen: 400,
  };
  const subjects = [
    { id: "llama", model: LLAMA },
    { id: "turbo", model: TURBO },
  ];
  const rows = [...compare(subjects, options, [gpu])];
  expect(rows).toHaveLength(2);
  rows.forEach((row, i) => {
    const report = estimate(i === 0 ? LLAMA : TURBO, options);
    expect(row.engine).toBe("training");
    expect(row.totalMemoryBytes).toBe(report.totalMemoryBytes);
    expect(row.headroomBytes).toBe(80 * GiB - report.totalMemoryBytes);
  });
  const batchSize = [1, 5, 64];
  const points = [...sweep(subjects, { batchSize, gpu: [gpu] }, options)];
  expect(points).toHaveLength(6);
  points.forEach((point, i) => {
    const report = estimate(i < 3 ? LLAMA : TURBO, {
      ...options,
      batchSize: batchSize[i % 3] ?? 0,
    });
    expect(point.totalMemoryBytes).toBe(report.totalMemoryBytes);
    expect(point.peakPhase).toBe(report.peakPhase);
    expect(point.fits).toBe(report.totalMemoryBytes <= 80 * GiB);
  });
});

it("audio of several windows that take turns is several examples", () => {
  const { audioSeconds } = limits(TURBO, { training: {} }, gpusOfSize(80 * GiB, 1));
  expect(audioSeconds).toEqual({ value: 30, boundBy: "model" });
  const { assumptions } = train({}, { audioSeconds: 65 }, TURBO);
  expect(assumptions.join()).toMatch(/further examples/);
});

it("limits hold for training as for running", () => {
  const training = { method: "lora", gradientCheckpointing: true };
  const gpu = gpusOfSize(40 * GiB, 1);
  const { sequences, engine } = limits(LLAMA, { training, maxModelLen: 1024 }, gpu);
  expect(engine).toBe("training");
  const at = (batchSize: number) => train(training, { batchSize, maxModelLen: 1024 });
  expect(at(sequences.value ?? 0).totalMemoryBytes).toBeLessThanOrEqual(40 * GiB);
  expect(at((sequences.value ?? 0) + 1).totalMemoryBytes).toBeGreaterThan(40 * GiB);
});

it.each([
  [{ method: "half" }, {}, /--method is "half", which is not known: use full, lora/],
  [{ optimizer: "adam" }, {}, /nearest: adamw/],
  [{ sharding: "zero-2" }, {}, /say how many with --data-parallel-size/],
  [{ loraRank: 0 }, {}, /--lora-rank is 0/],
  [{ method: "lora", loraTargets: ["q"] }, {}, /no linear layer is called that \(nearest: /],
  [{}, { precision: "int4" }, /do not learn: train adapters/],
] as const)("%j %j is refused", (training, options, message) => {
  expect(() => train(training, options)).toThrow(InputError);
  expect(() => train(training, options)).toThrow(message);
});
