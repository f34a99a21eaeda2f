import fc from "fast-check";
import {
  bytes,
  type Component,
  calculateMemory,
  estimate,
  InputError,
  type Kind,
  type Line,
  MemoryReport,
  type MemoryReportData,
  prepare,
  type WorkloadOptions,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { totalsOf } from "../../src/core/report/memory-report.ts";
import { modelOf, reportIfItFits, SPREAD } from "../models.ts";

const TURBO = "openai/whisper-large-v3-turbo";
const ULTRAVOX = "fixie-ai/ultravox-v0_5-llama-3_2-1b";

/** Sizes that issue 2 asks of every report, as views in GB and as integers in bytes. */
const SIZES = [
  "weightMemory",
  "kvCache",
  "activationMemory",
  "stateMemory",
  "imageMemory",
  "audioMemory",
  "extraWork",
  "loraAdapterMemory",
  "totalMemory",
  "encoderWeightMemory",
  "decoderWeightMemory",
  "projectorMemory",
  "encoderKvCache",
  "decoderKvCache",
  "crossAttentionKvCache",
] as const;

const REPORTS = SPREAD.flatMap((id) =>
  ["transformers", "generic"].map((engine) => ({ id, engine })),
);

describe.each(REPORTS)("$id under $engine", ({ id, engine }) => {
  const report = calculateMemory(id, { engine, batchSize: 2 });
  const sum = (phase: string, keep: (line: MemoryReport["ledger"]["lines"][number]) => boolean) =>
    report.ledger.lines
      .filter(keep)
      .reduce((total, line) => total + (line.alive[phase as "load"] ?? 0), 0);
  const most = (keep: (line: MemoryReport["ledger"]["lines"][number]) => boolean) =>
    Math.max(...report.phases.map(({ phase }) => sum(phase, keep)));

  it("every phase is the sum of its lines, and its kinds sum to it", () => {
    for (const { phase, totalBytes, bytesByKind } of report.phases) {
      expect(totalBytes, phase).toBe(sum(phase, () => true));
      expect(
        Object.values(bytesByKind).reduce((a, b) => a + b, 0),
        phase,
      ).toBe(totalBytes);
      for (const [kind, size] of Object.entries(bytesByKind))
        expect(size, kind).toBe(sum(phase, (line) => line.kind === kind));
    }
  });

  it("the total is the largest phase, and the peak is that phase", () => {
    const largest = Math.max(...report.phases.map(({ totalBytes }) => totalBytes));
    expect(report.totalMemoryBytes).toBe(largest);
    expect(report.phases.find(({ phase }) => phase === report.peakPhase)?.totalBytes).toBe(largest);
  });

  it("every line counts in some phase that the report has", () => {
    const phases: readonly string[] = report.phases.map(({ phase }) => phase);
    for (const line of report.ledger.lines) {
      const alive = Object.entries(line.alive);
      for (const [phase] of alive) expect(phases, line.label).toContain(phase);
      expect(line.bytes, line.label).toBe(Math.max(...alive.map(([, size]) => size)));
      expect(line.bytes, line.label).toBeGreaterThan(0);
    }
  });

  it("every size by kind is its largest sum over lines", () => {
    expect({
      weights: report.weightMemoryBytes,
      kvCache: report.kvCacheBytes,
      activations: report.activationMemoryBytes,
      state: report.stateMemoryBytes,
      input: report.imageMemoryBytes + report.audioMemoryBytes,
      overhead: report.extraWorkBytes,
    }).toEqual({
      weights: most(({ kind }) => kind === "weights"),
      kvCache: most(({ kind }) => kind === "kv-cache"),
      activations: most(({ kind }) => kind === "activation"),
      state: most(({ kind }) => kind === "state"),
      input: most(({ kind }) => kind === "input"),
      overhead: most(({ kind }) => kind === "overhead"),
    });
  });

  it("the weights are those of encoder, decoder, projector and the buffers; the caches likewise", () => {
    expect(report.weightMemoryBytes).toBe(
      report.encoderWeightMemoryBytes +
        report.decoderWeightMemoryBytes +
        report.projectorMemoryBytes +
        most(({ kind, component }) => kind === "weights" && component === "runtime"),
    );
    expect(report.kvCacheBytes).toBe(
      report.encoderKvCacheBytes + report.decoderKvCacheBytes + report.crossAttentionKvCacheBytes,
    );
  });

  it("has all keys of issue 2, as integers, and nothing derived", () => {
    const data = JSON.parse(JSON.stringify(report)) as Record<string, unknown>;
    for (const size of SIZES) {
      expect(Number.isSafeInteger(data[`${size}Bytes`]), size).toBe(true);
      expect(data[`${size}Bytes`], size).toBeGreaterThanOrEqual(0);
    }
    for (const key of ["modelType", "attentionType", "precision", "engine"])
      expect(typeof data[key], key).toBe("string");
    expect(Number.isSafeInteger(data.parameterCount)).toBe(true);
    for (const key of ["workload", "phases", "ledger"]) expect(data, key).toHaveProperty(key);
    expect(JSON.stringify(data)).not.toMatch(/Gb"|GB"|GiB"/);
  });

  it("goes through JSON without loss", () => {
    const data = JSON.parse(JSON.stringify(report)) as MemoryReportData;
    expect(data).toEqual({ ...report });
    const read = MemoryReport.fromJSON(data);
    expect(read).toBeInstanceOf(MemoryReport);
    expect(read).toEqual(report);
    expect(JSON.stringify(read)).toBe(JSON.stringify(report));
    for (const size of SIZES) {
      expect(read[`${size}Gb` as keyof MemoryReport], size).toBe(
        (read[`${size}Bytes` as keyof MemoryReport] as number) / 1e9,
      );
    }
  });
});

/** Workloads of all shapes, the impossible ones too. */
const workloads: fc.Arbitrary<WorkloadOptions> = fc.record(
  {
    batchSize: fc.integer({ min: 1, max: 300 }),
    audioSeconds: fc.oneof(
      fc.double({ min: 0.01, max: 200, noNaN: true }),
      fc.integer({ min: 1, max: 3000 }),
    ),
    // Within Whisper's 448 positions as often as beyond them.
    maxModelLen: fc.oneof(fc.integer({ min: 150, max: 448 }), fc.integer({ min: 1, max: 200_000 })),
    promptTokens: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 10_000 })),
    maxNewTokens: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 10_000 })),
  },
  { requiredKeys: [] },
);
const setups = fc.record(
  {
    precision: fc.constantFrom("fp32", "bf16", "fp16", "fp8", "int8", "int4", "nf4", "mxfp4"),
    kvCacheDtype: fc.constantFrom("auto", "fp16", "fp8", "nf4", "fp32"),
    tensorParallelSize: fc.constantFrom(1, 2, 3, 4, 8, 1000),
  },
  { requiredKeys: [] },
);
/** The workload without what the model cannot take. */
const forModel = (id: string, { audioSeconds, ...rest }: WorkloadOptions): WorkloadOptions =>
  audioSeconds !== undefined && modelOf(id).audio ? { audioSeconds, ...rest } : rest;

describe("prepare", () => {
  it.each(SPREAD)("%s: total equals estimate's, errors included", (id) => {
    const model = modelOf(id);
    const answer = (ask: () => { totalMemoryBytes: number; peakPhase: string }) => {
      try {
        const { totalMemoryBytes, peakPhase } = ask();
        return { totalMemoryBytes, peakPhase };
      } catch (error) {
        if (error instanceof InputError) return { code: error.code };
        throw error;
      }
    };
    let answered = 0;
    fc.assert(
      fc.property(
        fc.constantFrom("transformers", "generic"),
        setups,
        workloads,
        (engine, setup, workload) => {
          const asked = forModel(id, workload);
          const quick = answer(() => prepare(model, { engine, ...setup }).total(asked));
          const full = answer(() => estimate(model, { engine, ...setup, ...asked }));
          expect(quick).toEqual(full);
          if (!("code" in quick)) answered += 1;
        },
      ),
      { numRuns: 150 },
    );

    expect(answered).toBeGreaterThan(10);
  });

  it("keeps nothing of one workload for the next", () => {
    const prepared = prepare(modelOf(TURBO));
    const first = prepared.total({ batchSize: 1 });
    prepared.total({ batchSize: 64 });
    expect(prepared.total({ batchSize: 1 })).toEqual(first);
  });
});

const QUANTISED: ReadonlySet<string> = new Set(["fp8", "int8", "int4", "nf4", "mxfp4"]);

describe("generic is an upper bound", () => {
  it.each(SPREAD)("%s: never less than transformers, in whole or in part", (id) => {
    let compared = 0;
    fc.assert(
      fc.property(setups, workloads, (setup, workload) => {
        // Below 16 bits a precision is uniform under generic and a scheme elsewhere: a scheme by name is the same in both.
        const { precision, ...rest } = setup;
        const same =
          precision === undefined
            ? {}
            : QUANTISED.has(precision)
              ? { quantization: precision }
              : { precision };
        const asked = { ...rest, ...same, ...forModel(id, workload) };
        const bound = reportIfItFits(id, { ...asked, engine: "generic" });
        const held = reportIfItFits(id, { ...asked, engine: "transformers" });
        expect(bound === undefined).toBe(held === undefined);
        if (!bound || !held) return;
        compared += 1;
        // The bound is about tensors; driver and allocator belong to a runtime.
        expect(bound.totalMemoryBytes).toBeGreaterThanOrEqual(
          held.totalMemoryBytes - held.extraWorkBytes,
        );
        expect(bound.kvCacheBytes).toBeGreaterThanOrEqual(held.kvCacheBytes);
        expect(bound.weightMemoryBytes).toBe(held.weightMemoryBytes);
      }),
      { numRuns: 150 },
    );

    expect(compared).toBeGreaterThan(10);
  });
});

describe("tensor parallelism", () => {
  it("deals out heads and columns, and repeats what cannot be cut", () => {
    const at = (tensorParallelSize: number) =>
      calculateMemory("meta-llama/Llama-3.1-8B", { tensorParallelSize, maxModelLen: 1024 });
    expect(at(2).decoderKvCacheBytes).toBe(at(1).decoderKvCacheBytes / 2);
    expect(at(8).decoderKvCacheBytes).toBe(at(1).decoderKvCacheBytes / 8);
    // Eight key/value heads: more ranks than heads repeat them.
    expect(at(16).decoderKvCacheBytes).toBe(at(8).decoderKvCacheBytes);
    // Norms: 32 layers of two, and the last one.
    const norms = (2 * 32 + 1) * 4096 * 2;
    const buffers = 2 * 64 * 4;
    const cut = at(1).weightMemoryBytes - norms - buffers;
    expect(at(4).weightMemoryBytes).toBe(cut / 4 + norms + buffers);
  });

  it("the fullest of three ranks has the heads and columns that do not divide evenly", () => {
    const report = calculateMemory("meta-llama/Llama-3.1-8B", {
      tensorParallelSize: 3,
      maxModelLen: 1024,
    });
    const [heads, kvHeads, inner, vocab] = [32, 8, 14_336, 128_256].map((n) => Math.ceil(n / 3));
    const layer = 4096 * (2 * 128 * Number(heads) + 2 * 128 * Number(kvHeads) + 3 * Number(inner));
    const norms = (2 * 32 + 1) * 4096;
    expect(report.weightMemoryBytes).toBe(
      2 * (32 * layer + 2 * Number(vocab) * 4096 + norms) + 2 * 64 * 4,
    );
    expect(report.decoderKvCacheBytes).toBe(32 * 2 * Number(kvHeads) * 128 * 1024 * 2);
  });

  it("makes weights a rule, no longer a count", () => {
    const bases = (tensorParallelSize: number) =>
      calculateMemory(TURBO, { tensorParallelSize })
        .ledger.lines.filter((line) => line.label === "weights")
        .map(({ basis }) => basis);
    expect(new Set(bases(1))).toEqual(new Set(["exact"]));
    expect(new Set(bases(2))).toEqual(new Set(["rule"]));
  });
});

describe("dtypes", () => {
  it("default to the checkpoint's own, fp16 where it states none", () => {
    expect(calculateMemory("openai/whisper-tiny").precision).toBe("fp32");
    expect(calculateMemory(TURBO).precision).toBe("fp16");
    const silent = calculateMemory({ model_type: "whisper" });
    expect(silent.precision).toBe("fp16");
    expect(silent.assumptions.join("\n")).toContain("states no known dtype");
  });

  it("what the config states and nobody knows is said, not passed over", () => {
    const odd = calculateMemory({ model_type: "whisper", torch_dtype: "float13" });
    expect(odd.precision).toBe("fp16");
    expect(odd.assumptions.join("\n")).toContain('"float13"');
    const whole = calculateMemory({ model_type: "whisper", torch_dtype: "int64" });
    expect(whole.precision).toBe("fp16");
    expect(whole.assumptions.join("\n")).toContain('"int64"');
  });

  it("activations and caches stay in 16 bits when weights are smaller", () => {
    const report = calculateMemory(ULTRAVOX, { precision: "int4" });
    expect(report.kvCacheDtype).toBe("bf16");
    expect(report.decoderKvCacheBytes).toBe(calculateMemory(ULTRAVOX).decoderKvCacheBytes);
    expect(report.activationMemoryBytes).toBe(calculateMemory(ULTRAVOX).activationMemoryBytes);
  });

  it.each([
    ["fp32", 4],
    ["float16", 2],
    ["torch.bfloat16", 2],
    ["FP8", 1],
    ["float8_e5m2", 1],
    ["int8", 1],
    ["int4", 0.5],
    ["nf4", 4.5 / 8],
    ["mxfp4", 4.25 / 8],
    ["nvfp4", 4.5 / 8],
  ])("%s takes %d bytes a parameter where no scheme is asked for", (precision, size) => {
    // Whisper has no buffers: its weights are its parameters.
    const report = calculateMemory(TURBO, { precision, engine: "generic" });
    const weights = report.ledger.lines.filter(({ kind }) => kind === "weights");
    expect(report.weightMemoryBytes).toBe(weights.reduce((sum, line) => sum + line.bytes, 0));
    expect(report.weightMemoryBytes - report.parameterCount * size).toBeLessThan(weights.length);
    expect(report.weightMemoryBytes - report.parameterCount * size).toBeGreaterThanOrEqual(0);
  });

  it("a smaller KV dtype makes a smaller cache", () => {
    const cache = (kvCacheDtype: string) => calculateMemory(TURBO, { kvCacheDtype }).kvCacheBytes;
    expect(cache("fp8")).toBe(cache("fp16") / 2);
    expect(cache("auto")).toBe(cache("fp16"));
  });
});

it("a projector with attention keeps nothing either, and its K/V are no decoder cache", () => {
  const config = {
    model_type: "ultravox",
    audio_config: { model_type: "whisper" },
    text_config: { model_type: "llama" },
    num_projector_layers: 2,
  };
  const plain = calculateMemory({ ...config, num_projector_layers: 0 }, { engine: "generic" });
  const report = calculateMemory(config, { engine: "generic" });
  expect(report.decoderKvCacheBytes).toBe(plain.decoderKvCacheBytes);
  expect(report.encoderKvCacheBytes).toBeGreaterThan(plain.encoderKvCacheBytes);
  expect(calculateMemory(config).encoderKvCacheBytes).toBe(0);
});

it("a mixture of experts gathers each token's rows once for every expert", () => {
  const { ledger } = calculateMemory({ model_type: "qwen3_moe" }, { maxModelLen: 8192 });
  const line = ledger.lines.find(
    ({ kind, formula }) => kind === "activation" && /experts/.test(formula),
  );
  expect(line?.formula).toContain(
    "expert outputs, weighted and summed 8 experts × 4 × 8,192 tokens × 2,048 wide × 2 B fp16",
  );
});

it("at its peak a Whisper encoder layer holds six buffers: four hidden states and two inner ones", () => {
  const { activationMemoryBytes } = calculateMemory(TURBO, { audioSeconds: 30 });
  // … and the statistics of the norm, two fp32 numbers a position.
  expect(activationMemoryBytes).toBe(1500 * (2 * (4 * 1280 + 2 * 5120) + 8));
});

it("lines of kinds that no model here has yet are summed where they belong", () => {
  const line = (kind: Kind, component: Component | "runtime", size: number): Line => ({
    label: kind,
    component,
    kind,
    bytes: bytes(size),
    alive: { load: bytes(kind === "weights" ? size : 0), decode: bytes(size) },
    basis: "exact",
    formula: String(size),
    source: "made up",
  });
  const totals = totalsOf(
    [
      line("weights", "lora", 1),
      line("weights", "vision_projector", 2),
      line("weights", "text_encoder", 4),
      line("state", "text_model", 8),
      line("overhead", "runtime", 16),
      line("input", "vision_encoder", 32),
      line("input", "audio_encoder", 64),
      line("activation", "decoder", 128),
      line("kv-cache", "decoder", 256),
    ],
    ["load", "decode"],
  );
  expect(totals).toMatchObject({
    loraAdapterMemoryBytes: 1,
    decoderWeightMemoryBytes: 1,
    projectorMemoryBytes: 2,
    encoderWeightMemoryBytes: 4,
    weightMemoryBytes: 7,
    stateMemoryBytes: 8,
    extraWorkBytes: 16,
    imageMemoryBytes: 32,
    audioMemoryBytes: 64,
    activationMemoryBytes: 128,
    kvCacheBytes: 256,
    totalMemoryBytes: 511,
    peakPhase: "decode",
  });
});
