import fc from "fast-check";
import {
  type Axes,
  compare,
  type EstimateOptions,
  estimate,
  findEngine,
  fitOn,
  GiB,
  gpusOfSize,
  type Model,
  onDevices,
  parseGpus,
  parseNumbers,
  pointCount,
  prepare,
  rowWriter,
  sweep,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { modelOf, reportIfItFits, SPREAD } from "../models.ts";

const ids = ["openai/whisper-large-v3-turbo", "Qwen/Qwen2-Audio-7B-Instruct", "Qwen/Qwen3-8B"];
const subjects = ids.map((id) => ({ id, model: modelOf(id) }));
const optionsOf = (options: Partial<Record<keyof EstimateOptions, unknown>>): EstimateOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value != null));

describe("sweep", () => {
  it("gives every point the numbers of estimate and fit", () => {
    const gpu = gpusOfSize(24 * GiB, 1);
    const list = <T>(...all: T[]) => fc.uniqueArray(fc.constantFrom(...all), { minLength: 1 });
    fc.assert(
      fc.property(
        fc.constantFrom(...subjects),
        fc.record(
          {
            engine: list("transformers", "vllm", "generic"),
            gpu: fc.constant([gpu]),
            tensorParallelSize: list(1, 2),
            precision: list("fp16", "int4"),
            maxModelLen: list(300, 448, 2000),
            batchSize: list(1, 7, 300),
          },
          { requiredKeys: [] },
        ),
        (subject, given) => {
          const axes = given as Axes;
          const points = [...sweep([subject], axes)];
          expect(points).toHaveLength(pointCount(1, axes));
          const at = points[points.length >> 1];
          if (!at) throw new Error("no points");
          const options = optionsOf({
            engine: at.engine,
            batchSize: at.batchSize,
            tensorParallelSize: at.tensorParallelSize,
            precision: axes.precision && at.precision,
            maxModelLen: axes.maxModelLen && at.contextTokens,
          });
          const settled = axes.gpu ? onDevices(options, gpu) : options;
          const report = reportIfItFits(subject.id, settled);
          expect(at.totalMemoryBytes).toBe(report?.totalMemoryBytes ?? null);
          expect(at.peakPhase).toBe(report?.peakPhase ?? null);
          if (!report) {
            expect(at.refusal).toMatch(/\.$/);
            expect(at.fits).toBe(axes.gpu ? false : null);
          } else if (axes.gpu) {
            const said = fitOn(subject.model, options, gpu);
            expect(at.fits).toBe(said.fits);
            expect(at.headroomBytes).toBe(said.headroomBytes);
          } else expect(at.fits).toBeNull();
        },
      ),
      { numRuns: 150 },
    );
  });

  it("has every combination once, the batch fastest", () => {
    const axes = { batchSize: [1, 2], precision: ["fp16", "int8"], audioSeconds: [5, 10, 15] };
    const said = [...sweep(subjects.slice(0, 2), axes)].map(
      (at) => `${at.model} ${at.precision} ${at.audioSeconds} ${at.batchSize}`,
    );
    expect(said).toHaveLength(24);
    expect(new Set(said).size).toBe(24);
    expect(said[1]).toBe("openai/whisper-large-v3-turbo fp16 5 2");
  });

  it("refuses what estimate refuses", () => {
    const [one] = subjects;
    if (!one) throw new Error("no subject");
    expect(() => [...sweep([one], { batchSize: [0] })]).toThrow(/--batch-size is 0/);
    expect(() => [...sweep([one], { precision: ["fp17"] })]).toThrow(/--precision is "fp17"/);
    expect(() => [...sweep([one], { engine: ["x"] })]).toThrow(/--engine is "x"/);
  });
});

it("a prepared model's total is the report's, for every family, engine and batch", () => {
  for (const id of SPREAD)
    for (const engine of ["transformers", "vllm", "generic"]) {
      const model: Model = modelOf(id);
      if (findEngine(engine).refuses?.(model) !== undefined) continue;
      const prepared = prepare(model, { engine, precision: "int4" });
      for (const batchSize of [1, 3, 100]) {
        const report = estimate(model, { engine, precision: "int4", batchSize });
        expect(prepared.total({ batchSize }), `${id} ${engine}`).toEqual({
          totalMemoryBytes: report.totalMemoryBytes,
          peakPhase: report.peakPhase,
        });
      }
    }
});

describe("compare", () => {
  it("gives the numbers of estimate and fit", () => {
    const gpus = [parseGpus("l4"), parseGpus("2xt4")];
    const options = { batchSize: 4, audioSeconds: 10, maxModelLen: 448 };
    const rows = [...compare(subjects, options, gpus)];
    expect(rows).toHaveLength(6);
    rows.forEach((row, at) => {
      const { id, model } = subjects[at >> 1] ?? { id: "", model: undefined };
      const gpu = gpus[at % 2];
      if (!model || !gpu) throw new Error("no such row");
      const { audioSeconds, ...rest } = options;
      const own = model.audio ? { ...rest, audioSeconds } : rest;
      const report = estimate(model, onDevices(own, gpu));
      const said = fitOn(model, own, gpu);
      expect(row).toMatchObject({
        model: id,
        gpu: at % 2 ? "2xt4" : "l4",
        totalMemoryBytes: report.totalMemoryBytes,
        weightMemoryBytes: report.weightMemoryBytes,
        parameterCount: report.parameterCount,
        verdict: said.verdict,
        headroomBytes: said.headroomBytes,
      });
    });
  });
  it("a workload that does not fit one model leaves the others", () => {
    const [turbo, , qwen] = [...compare(subjects, { maxModelLen: 4000 })];
    expect(turbo?.refusal).toMatch(/more than the 448 positions/);
    expect(turbo?.totalMemoryBytes).toBeNull();
    expect(qwen?.totalMemoryBytes).toBeGreaterThan(0);
  });
});

it("a prepared model leaves out what estimate leaves out", () => {
  const { model } = subjects[1] ?? {};
  if (!model) throw new Error("no subject");
  const without = ["audio_encoder"];
  const total = estimate(model, { without }).totalMemoryBytes;
  expect(total).toBeLessThan(estimate(model).totalMemoryBytes);
  expect(prepare(model, { without }).total({}).totalMemoryBytes).toBe(total);
});

it("an engine that does not run a model is a point and a row with the reason", () => {
  const codec = { id: "descript/dac_44khz", model: modelOf("descript/dac_44khz") };
  const points = [...sweep([codec], { engine: ["transformers", "vllm"], batchSize: [1, 2] })];
  expect(points.map(({ refusal }) => refusal === null)).toEqual([true, true, false, false]);
  expect(points[3]?.refusal).toMatch(/--engine vllm does not run DacModel/);
  const [row] = compare([codec], { engine: "vllm" }, [parseGpus("l4")]);
  expect(row?.refusal).toMatch(/--engine vllm does not run DacModel/);
  expect(row?.parameterCount).toBeGreaterThan(0);
});

describe("lists and ranges", () => {
  it.each([
    ["1,2,4", [1, 2, 4]],
    ["1..4", [1, 2, 3, 4]],
    ["0.5..2..0.5", [0.5, 1, 1.5, 2]],
    ["8,1..3,1_000", [8, 1, 2, 3, 1000]],
    ["0.1..0.5..0.1", [0.1, 0.2, 0.3, 0.4, 0.5]],
  ])("%s", (text, values) => expect(parseNumbers(text, "--x")).toEqual(values));
  it.each(["", "1,,2", "a", "4..1", "1..2..0", "1..2..3..4", "1..", "1..1e12", "Infinity"])(
    "%j is refused",
    (text) => expect(() => parseNumbers(text, "--x")).toThrow(/^--x is /),
  );
});

describe("formats", () => {
  const columns = [
    { key: "name", label: "name" },
    { key: "size", label: "size", as: "bytes" as const },
    { key: "none", label: "none" },
  ];
  const written = (format: string, rows: { name: string; size: number | null; none: null }[]) => {
    const writer = rowWriter(format, columns);
    return writer.head() + rows.map((row) => writer.row(row)).join("") + writer.tail();
  };
  const rows = [
    { name: 'a,"b"|c', size: 2 ** 30, none: null },
    { name: "d", size: null, none: null },
  ];
  it("csv quotes, and leaves null empty", () => {
    expect(written("csv", rows)).toBe('name,size,none\n"a,""b""|c",1073741824,\nd,,\n');
  });
  it("jsonl is JSON on each line", () => {
    const lines = written("jsonl", rows).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(rows);
  });
  it("markdown escapes bars", () => {
    expect(written("markdown", rows).split("\n")[2]).toBe('| a,"b"\\|c | 1.00 GiB | – |');
  });
  it("table leaves empty columns out, and streams after it has seen enough", () => {
    expect(written("table", rows)).toBe(
      'name         size\na,"b"|c  1.00 GiB\nd               –\n',
    );
    const writer = rowWriter("table", columns);
    const many = Array.from({ length: 300 }, () => writer.row({ name: "x", size: 1, none: null }));
    expect(many.join("").trimEnd().split("\n")).toHaveLength(301);
    expect(writer.tail()).toBe("");
  });
  it("others are refused", () => {
    expect(() => rowWriter("xml", columns)).toThrow(/--format is "xml"/);
  });
});
