import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import {
  calculateMemory,
  catalogIds,
  DTYPES,
  type EstimateOptions,
  engines,
  findEngine,
  MODEL_TYPES,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { modelOf } from "../models.ts";

type Json = Record<string, unknown>;

const schema = JSON.parse(
  readFileSync(new URL("../../schema/memory-report.schema.json", import.meta.url), "utf8"),
) as Json;
// Strict: an unknown keyword or a property that no type allows is a mistake in the schema.
const validate = new Ajv2020({
  strict: true,
  strictRequired: true,
  allErrors: true,
  allowUnionTypes: true,
}).compile(schema);

const asJson = (id: string, options: EstimateOptions): Json =>
  JSON.parse(JSON.stringify(calculateMemory(id, options))) as Json;
const faults = (report: unknown): string[] => {
  validate(report);
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
};

describe.each(engines.map(({ name }) => name))("reports under %s", (engine) => {
  const served = catalogIds().filter(
    (id) => findEngine(engine).refuses?.(modelOf(id)) === undefined,
  );
  it.each(served)("%s is as the schema says", (id) => {
    expect(faults(asJson(id, { engine }))).toEqual([]);
  });

  it.each([
    { precision: "int8", tensorParallelSize: 8 },
    { audioSeconds: 95.5, batchSize: 7, maxModelLen: 4096 },
    { encoderSeqLength: 1, promptTokens: 1, maxNewTokens: 1 },
  ])("so it is with %j", (options) => {
    const { singleDevice } = findEngine(engine);
    const [id = ""] = ["fixie-ai/ultravox-v0_5-llama-3_2-1b", "openai/whisper-tiny"].filter((one) =>
      served.includes(one),
    );
    const asked = singleDevice ? { ...options, tensorParallelSize: 1 } : options;
    const length = id.includes("whisper") ? { maxModelLen: 448 } : {};
    expect(faults(asJson(id, { engine, ...asked, ...length }))).toEqual([]);
  });
});

describe("the schema", () => {
  const good = asJson("fixie-ai/ultravox-v0_5-llama-3_2-1b", {});
  /** The report with the value at `path` replaced; undefined removes it. */
  const changed = (path: string, value: unknown): Json => {
    const copy = structuredClone(good);
    const keys = path.split("/");
    const last = keys.pop() ?? "";
    let at: Json = copy;
    for (const key of keys) at = at[key] as Json;
    if (value === undefined) delete at[last];
    else at[last] = value;
    return copy;
  };

  it.each([
    ["totalMemoryBytes", 1.5],
    ["totalMemoryBytes", -1],
    ["totalMemoryBytes", "1"],
    ["totalMemoryBytes", null],
    ["totalMemoryBytes", 2 ** 53],
    ["totalMemoryGb", 4.04],
    ["somethingElse", 0],
    ["schemaVersion", 2],
    ["modelType", "whisper"],
    ["attentionType", "MHA"],
    ["precision", "int64"],
    ["parameterCount", 0],
    ["activeParameterCount", 0.5],
    ["phases", []],
    ["phases/0/phase", "warmup"],
    ["phases/0/gb", 1],
    ["phases/0/bytesByKind/kv", 1],
    ["phases/0/bytesByKind/weights", 0.5],
    ["peakPhase", "training"],
    ["ledger/lines", []],
    ["ledger/total", 1],
    ["ledger/lines/0/component", "Audio Encoder"],
    ["ledger/lines/0/kind", "cache"],
    ["ledger/lines/0/basis", "guess"],
    ["ledger/lines/0/alive", {}],
    ["ledger/lines/0/alive/later", 1],
    ["ledger/lines/0/note", "x"],
    ["workload/batchSize", 0],
    ["workload/users", 1],
    ["workload/audio/tokens", 0.5],
    ["workload/audio/seconds", 0],
    ["workload/audio/hertz", 16_000],
    ["assumptions", "none"],
  ])("refuses %s = %j", (path, value) => {
    expect(faults(good)).toEqual([]);
    expect(faults(changed(path, value))).not.toEqual([]);
  });

  it("misses every key that a report has", () => {
    const paths = [
      ...Object.keys(good),
      ...Object.keys(good.workload as Json).map((key) => `workload/${key}`),
      ...Object.keys((good.workload as { audio: Json }).audio).map(
        (key) => `workload/audio/${key}`,
      ),
      ...Object.keys((good.ledger as { lines: Json[] }).lines[0] ?? {}).map(
        (key) => `ledger/lines/0/${key}`,
      ),
      ...Object.keys((good.phases as Json[])[0] ?? {}).map((key) => `phases/0/${key}`),
    ];
    expect(paths.length).toBeGreaterThan(50);
    for (const path of paths) expect(faults(changed(path, undefined)), path).not.toEqual([]);
  });

  it("describes every property", () => {
    const silent: string[] = [];
    const look = (at: Json, path: string): void => {
      for (const [key, property] of Object.entries((at.properties ?? {}) as Record<string, Json>)) {
        const described =
          "description" in property ||
          (typeof property.$ref === "string" && "description" in resolve(property.$ref));
        if (!described && key !== "lines") silent.push(`${path}/${key}`);
        look(property, `${path}/${key}`);
      }
    };
    const resolve = (ref: string): Json =>
      (schema.$defs as Record<string, Json>)[ref.replace("#/$defs/", "")] ?? {};
    look(schema, "");
    for (const [name, part] of Object.entries(schema.$defs as Record<string, Json>))
      look(part, name);
    expect(silent).toEqual([]);
  });

  it("knows the words that the library knows", () => {
    const words = (pointer: Json) => pointer.enum as string[];
    const { dtype } = schema.$defs as Record<string, Json>;
    expect(words(dtype ?? {})).toEqual(
      DTYPES.filter((name) => !["int64", "int32", "int16", "uint8", "bool"].includes(name)),
    );
    expect(words((schema.properties as Record<string, Json>).modelType ?? {})).toEqual([
      ...MODEL_TYPES,
    ]);
  });
});
