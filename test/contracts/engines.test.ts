import fc from "fast-check";
import {
  COMPONENTS,
  calculateMemory,
  type EstimateOptions,
  engines,
  findEngine,
  InputError,
  type MemoryReport,
  type Module,
  prepare,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { elements } from "../../src/core/tree/tensor.ts";
import { walk } from "../../src/core/tree/walk.ts";
import { modelOf, reportIfItFits, SPREAD, sizesOf } from "../models.ts";

/** What every engine owes, for every family: a new engine or family is tried without a line here. */
const CASES = engines.flatMap((engine) =>
  SPREAD.filter((id) => engine.refuses?.(modelOf(id)) === undefined).map((id) => ({
    engine,
    name: engine.name,
    id,
  })),
);

const KINDS = ["weights", "kv-cache", "state", "activation", "input", "overhead"];
const BASES = ["exact", "rule", "measured", "assumed"];

/** Nothing that `less` has is larger than in `more`. */
function expectNoLess(more: MemoryReport, less: MemoryReport, what: string): void {
  const before = sizesOf(less);
  for (const [key, size] of Object.entries(sizesOf(more)))
    expect(size, `${key} when ${what}`).toBeGreaterThanOrEqual(before[key] ?? 0);
}

/** Reports along a rising list; once a workload does not fit, no larger one may. */
function rising(id: string, options: EstimateOptions, axis: string, values: readonly number[]) {
  const reports: MemoryReport[] = [];
  let full = false;
  for (const value of values) {
    const report = reportIfItFits(id, { ...options, [axis]: value });
    if (!report) full = true;
    else {
      expect(full, `${axis} ${value} fits although a smaller one does not`).toBe(false);
      reports.push(report);
    }
  }
  return reports;
}

describe.each(CASES)("$name with $id", ({ engine, name, id }) => {
  const model = modelOf(id);
  const report = calculateMemory(id, { engine: name, batchSize: 2 });

  it("adds up: every phase is the sum of its lines", () => {
    expect(report.ledger.lines.length).toBeGreaterThan(0);
    for (const { phase, totalBytes } of report.phases) {
      const sum = report.ledger.lines.reduce((all, line) => all + (line.alive[phase] ?? 0), 0);
      expect(totalBytes, phase).toBe(sum);
    }
  });

  it("has the phases that it says, all of them known", () => {
    const phases = engine.phases(model);
    expect(report.phases.map(({ phase }) => phase)).toEqual([...phases]);
    const order = ["load", "encode", "prefill", "decode", "profile", "serve", "all"];
    expect(phases.map((phase) => order.indexOf(phase)).every((at) => at >= 0)).toBe(true);
    expect([...phases].sort((a, b) => order.indexOf(a) - order.indexOf(b))).toEqual([...phases]);
    for (const plan of engine.plan(
      model,
      prepare(model, { engine: name, precision: "fp16" }).setup,
    ))
      for (const phase of Object.keys(plan.alive)) expect(phases, plan.label).toContain(phase);
  });

  it("says of every line what it is, how it is known, where from, and how it is reckoned", () => {
    for (const line of report.ledger.lines) {
      expect(line.label, line.label).toMatch(/\S/);
      expect([...COMPONENTS, "runtime"], line.label).toContain(line.component);
      expect(KINDS, line.label).toContain(line.kind);
      expect(BASES, line.label).toContain(line.basis);
      expect(line.source, line.label).toMatch(/\S.{10,}/);
      expect(line.formula, line.label).toMatch(/\d/);
      expect(line.formula, line.label).not.toMatch(/NaN|undefined|Infinity|× ×/);
      expect(Number.isSafeInteger(line.bytes), line.label).toBe(true);
      for (const size of Object.values(line.alive)) {
        expect(Number.isSafeInteger(size), line.label).toBe(true);
        expect(size, line.label).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it("prints formulas that come to what the line says", () => {
    for (const line of report.ledger.lines) {
      // "at <moment>: <buffer> 2 × 3 B + <buffer> 4 B": the numbers of each summand, multiplied.
      const formula = line.formula.replace(/^at [^:]*: /, "");
      const value = formula
        .split(" + ")
        .map((product) =>
          product
            .split(" × ")
            .map((factor, index) => numberIn(factor, index === 0))
            .reduce((a, b) => a * b, 1),
        )
        .reduce((a, b) => a + b, 0);
      expect(Math.ceil(value), `${line.label}: ${line.formula}`).toBe(line.bytes);
    }
  });

  it("holds the weights in every phase, at the size of the parameters", () => {
    const weights = report.ledger.lines.filter(
      ({ kind, component }) => kind === "weights" && component !== "runtime",
    );
    const { phases } = report;
    for (const line of weights)
      expect(Object.keys(line.alive).sort()).toEqual(phases.map(({ phase }) => phase).sort());
    // A serving engine pads vocabularies, adds biases and leaves sub-models out: other numbers, tested where it is.
    if (engine.serving || engine.precisions) return;
    const fp16 = calculateMemory(id, { engine: name, precision: "fp16" });
    const held = fp16.ledger.lines
      .filter(({ kind, component }) => kind === "weights" && component !== "runtime")
      .reduce((sum, { bytes }) => sum + bytes, 0);
    // Tensors that the reference keeps in fp32 take two bytes more.
    let wide = 0;
    walk(model.root, ({ tensors }, { copies }) => {
      for (const { shape, dtype, tiedTo, wideForFp16 } of tensors)
        if ((dtype === "fp32" || wideForFp16) && tiedTo === undefined)
          wide += copies * elements(shape);
    });
    expect(held).toBe(2 * (fp16.parameterCount + wide));
  });

  it("needs no less when the batch grows", () => {
    const reports = rising(id, { engine: name }, "batchSize", [1, 2, 3, 8, 64, 1000]);
    expect(reports.length).toBeGreaterThan(1);
    reports.forEach((more, at) => {
      const less = reports[at - 1];
      if (less) expectNoLess(more, less, `batch ${more.workload.batchSize}`);
    });
    // What neither hears nor generates (a vocoder, a text encoder) has no lengths here that a batch could multiply.
    if (
      !model.audio &&
      !["decoder-only", "hybrid", "state-space", "encoder-decoder", "multimodal"].includes(
        model.type,
      )
    )
      return;
    const [first, last] = [reports[0], reports.at(-1)];
    expect(last?.totalMemoryBytes).toBeGreaterThan(first?.totalMemoryBytes ?? Number.NaN);
  });

  it.skipIf(!model.audio)("needs no less when the audio gets longer", () => {
    const seconds = [0.01, 0.5, 1, 5, 10, 29.99, 30, 30.01, 45, 60, 95, 600, 3600];
    for (const rest of [{}, { promptTokens: 10, maxNewTokens: 10 }, { maxModelLen: 400 }]) {
      const reports = rising(id, { engine: name, ...rest }, "audioSeconds", seconds);
      expect(reports.length).toBeGreaterThan(1);
      reports.forEach((more, at) => {
        const less = reports[at - 1];
        if (less) expectNoLess(more, less, `${more.workload.audio?.seconds} s`);
      });
    }
  });

  it.skipIf(model.context.preset === 0)("needs no less when the context grows", () => {
    const lengths = [200, 201, 300, 400, 448, 2048, 4096, 8192, 131_072];
    const audio = model.audio ? { audioSeconds: 1 } : {};
    for (const [axis, rest] of [
      ["maxModelLen", {}],
      ["maxModelLen", { promptTokens: 20 }],
      ["promptTokens", {}],
      ["promptTokens", { maxNewTokens: 20 }],
      ["maxNewTokens", {}],
      ["maxNewTokens", { promptTokens: 20 }],
    ] as const) {
      const values = axis === "maxModelLen" ? lengths : [1, 2, 10, ...lengths];
      const grown: MemoryReport[] = [];
      for (const value of values) {
        // Positions that a table does not have are refused; rotary ones only warned of.
        const one = reportIfItFits(id, { engine: name, ...audio, ...rest, [axis]: value });
        if (one) grown.push(one);
      }
      expect(grown.length, axis).toBeGreaterThan(1);
      grown.forEach((more, at) => {
        const less = grown[at - 1];
        if (less) expectNoLess(more, less, `${axis} grows to ${more.workload.contextTokens}`);
      });
    }
  });

  // Tensors only: communication between ranks and the allocator's segments can cost more than a rank saves.
  it.skipIf(engine.singleDevice)("never holds more on each rank when there are more ranks", () => {
    const tensors = (one: MemoryReport) =>
      one.ledger.lines.filter(({ kind }) => kind !== "overhead").map(({ bytes }) => bytes);
    const sum = (one: MemoryReport) => tensors(one).reduce((a, b) => a + b, 0);
    let before: MemoryReport | undefined;
    for (const tensorParallelSize of [1, 2, 3, 4, 5, 7, 8, 16, 64, 1024, 65_536]) {
      const more = calculateMemory(id, { engine: name, batchSize: 2, tensorParallelSize });
      if (before) expect(sum(more), `${tensorParallelSize} ranks`).toBeLessThanOrEqual(sum(before));
      before = more;
    }
    let divided = false;
    const visit = (module: Module): void => {
      divided ||= module.tensors.some(({ cut }) => cut !== undefined);
      module.children.forEach(visit);
    };
    visit(model.root);
    if (divided) expect(before && sum(before)).toBeLessThan(sum(report));
  });

  it("needs no more for smaller weights", () => {
    const known = (["int4", "nf4", "int8", "fp16", "fp32"] as const).filter(
      (precision) => engine.precisions?.includes(precision) ?? true,
    );
    const weights = known.map(
      (precision) => calculateMemory(id, { engine: name, precision }).weightMemoryBytes,
    );
    expect([...weights].sort((a, b) => a - b)).toEqual(weights);
    // Convolutions and tables alone are nothing that a scheme would quantise.
    let linear = false;
    walk(model.root, ({ op }) => {
      linear ||= op?.kind === "linear";
    });
    expect(new Set(weights).size).toBe(linear || name === "generic" ? weights.length : 2);
  });

  it("grows along every axis from anywhere", () => {
    const axes = [
      "batchSize",
      "maxModelLen",
      ...(model.audio ? ["audioSeconds"] : []),
      ...(model.context.preset > 0 ? ["promptTokens"] : []),
    ];
    fc.assert(
      fc.property(
        fc.record({
          batchSize: fc.integer({ min: 1, max: 64 }),
          maxModelLen: fc.integer({ min: 200, max: 5000 }),
          promptTokens: fc.integer({ min: 1, max: 100 }),
          ...(model.audio && { audioSeconds: fc.integer({ min: 1, max: 100 }) }),
        }),
        fc.constantFrom(...axes),
        fc.integer({ min: 1, max: 500 }),
        fc.constantFrom(...(engine.singleDevice ? [1] : [1, 2, 8])),
        (workload, axis, step, tensorParallelSize) => {
          const options = { engine: name, tensorParallelSize, ...workload };
          const less = reportIfItFits(id, options);
          const more = reportIfItFits(id, {
            ...options,
            [axis]: (workload[axis as "batchSize"] ?? 0) + step,
          });
          if (less && more) expectNoLess(more, less, `${axis} grows by ${step}`);
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** The number of a factor ("20 heads", "2 B fp16"): in the first of a product a buffer's name may come before it. */
function numberIn(factor: string, mayBeNamed: boolean): number {
  const words = factor.split(" ");
  const number = (mayBeNamed ? words : words.slice(0, 1)).find((word) => /^\d[\d,.]*$/.test(word));
  return number === undefined ? Number.NaN : Number(number.replaceAll(",", ""));
}

describe("the list of engines", () => {
  it("has transformers first and every name once", () => {
    const names = engines.map(({ name }) => name);
    expect(names[0]).toBe("transformers");
    expect(names).toContain("generic");
    expect(new Set(names).size).toBe(names.length);
    expect(calculateMemory("openai/whisper-tiny").engine).toBe("transformers");
  });

  it("finds each by its name and says who is nearest otherwise", () => {
    for (const engine of engines) {
      expect(findEngine(engine.name)).toBe(engine);
      expect(engine.summary).toMatch(/\S.{20,}/);
    }
    expect(() => findEngine("transformer")).toThrow(
      new InputError(
        "unknown-engine",
        `--engine is "transformer", which is no known engine: use ${engines.map(({ name }) => name).join(", ")} (nearest: transformers).`,
        "engine",
      ),
    );
  });
});

it("the spread has one model of each family that the catalog has", () => {
  expect(new Set(SPREAD.map((id) => modelOf(id).family)).size).toBe(SPREAD.length);
  expect(SPREAD.length).toBeGreaterThanOrEqual(6);
});
