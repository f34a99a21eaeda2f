import fc from "fast-check";
import {
  calculateMemory,
  calculateTotalMemory,
  catalogConfig,
  catalogIds,
  countParameters,
  describe as describeModel,
  engines,
  InputError,
  parseJson,
  parseSize,
  renderExplained,
  tensorTable,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

type Json = Record<string, unknown>;

const WHISPER = "openai/whisper-tiny";
const QWEN = "Qwen/Qwen2-Audio-7B-Instruct";
const ULTRAVOX = "fixie-ai/ultravox-v0_5-llama-3_2-1b";

/** The refusal as `code: sentence`; anything else that is thrown, or nothing thrown, fails the test. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expectSentence(error);
    return `${error.code}: ${error.message}`;
  }
  throw new Error("nothing was refused");
}

function expectSentence({ message }: InputError): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  expect(message).not.toMatch(/undefined|\[object|function|nearest: \)|nearest known: \)/);
  expect(message).toMatch(/\S.*[.…]$/);
  expect(message.length).toBeLessThan(700);
}

const whisper = (changes: Json): unknown => ({ ...(catalogConfig(WHISPER) as Json), ...changes });
const llama = (changes: Json): unknown => ({
  ...(catalogConfig("meta-llama/Llama-3.2-1B") as Json),
  ...changes,
});

describe("JSON", () => {
  it.each([
    ["", "config.json is not valid JSON (Unexpected end of JSON input)"],
    ["{", "config.json is not valid JSON ("],
    ["<html>", "config.json is not valid JSON ("],
    ['{"a": undefine}', "config.json is not valid JSON ("],
    ['{"a": Infinite}', "config.json is not valid JSON ("],
    ['{"a": NaN', "config.json is not valid JSON ("],
  ])("%j is refused", (text, beginning) => {
    expect(refusal(() => parseJson(text, "config.json"))).toContain(`malformed-json: ${beginning}`);
  });

  it("numbers as Python writes them are accepted, in strings they are left alone", () => {
    expect(
      parseJson('{"a": Infinity, "b": [-Infinity, NaN], "c": "NaN \\" Infinity"}', "config.json"),
    ).toEqual({
      a: Number.POSITIVE_INFINITY,
      b: [Number.NEGATIVE_INFINITY, null],
      c: 'NaN " Infinity',
    });
  });

  it("a config with Python's numbers is described where nothing needs them, refused where it does", () => {
    const text = (fields: string) => `{"model_type": "whisper", ${fields}}`;
    const harmless = parseJson(text('"time_step_limit": [0.0, Infinity], "x": NaN'), "config.json");
    expect(calculateTotalMemory(harmless)).toEqual(calculateTotalMemory({ model_type: "whisper" }));
    expect(
      refusal(() => calculateTotalMemory(parseJson(text('"d_model": Infinity'), "config.json"))),
    ).toContain("d_model is Infinity");
    expect(
      refusal(() => calculateTotalMemory(parseJson(text('"d_model": -Infinity'), "config.json"))),
    ).toContain("d_model is -Infinity");
  });

  it("a file's name does not break the line", () => {
    expect(refusal(() => parseJson("{", "a\nb\u001b[31m.json"))).toContain("a b [31m.json is not");
  });

  it("a byte order mark is no error", () => {
    expect(parseJson('\ufeff{"a": 1}', "config.json")).toEqual({ a: 1 });
  });

  it("depth and length are no crash", () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    expect(refusal(() => calculateTotalMemory(parseJson(deep, "config.json")))).toContain(
      "not-a-config",
    );
    expect(
      refusal(() => calculateTotalMemory({ model_type: parseJson(deep, "config.json") })),
    ).toContain("wrong-type: model_type is ");
    const long = `{"a": "${"x".repeat(8_000_000)}", "b": NaN, c}`;
    expect(refusal(() => parseJson(long, "config.json"))).toContain("malformed-json");
    expect(refusal(() => calculateTotalMemory({ model_type: "x".repeat(8_000_000) }))).toContain(
      "unknown-model-type",
    );
  });

  it.each([
    [null, "null"],
    [[], "[]"],
    [5, "5"],
    ['"whisper"', null],
    [true, "true"],
  ])("%j is no config", (value, said) => {
    const message = refusal(() => calculateTotalMemory(value));
    if (said !== null)
      expect(message).toContain(`not-a-config: The config is ${said}, not a JSON object`);
    else expect(message).toContain("not-a-config");
  });
});

describe("fields", () => {
  it.each([
    [
      { d_model: "384" },
      'wrong-type: d_model is "384", but must be a whole number from 1 to 16,777,216',
    ],
    [{ d_model: [] }, "wrong-type: d_model is []"],
    [{ d_model: {} }, "wrong-type: d_model is {}"],
    [{ d_model: true }, "wrong-type: d_model is true"],
    [{ d_model: -384 }, "out-of-range: d_model is -384, but must be a whole number from 1"],
    [{ d_model: 0 }, "out-of-range: d_model is 0"],
    [{ d_model: 384.5 }, "out-of-range: d_model is 384.5"],
    [{ d_model: 1e308 }, "out-of-range: d_model is 1e+308"],
    [{ d_model: 2 ** 53 }, "out-of-range: d_model is 9007199254740992"],
    [{ encoder_layers: 100_001 }, "out-of-range: encoder_layers is 100001"],
    [{ max_source_positions: 2 ** 31 + 1 }, "out-of-range: max_source_positions is 2147483649"],
    [
      { tie_word_embeddings: "yes" },
      'wrong-type: tie_word_embeddings is "yes", but must be true or false',
    ],
    [
      { d_model: 385 },
      "inconsistent: encoder_attention_heads is 6, which does not divide d_model 385",
    ],
  ])("Whisper with %j", (changes, said) => {
    expect(refusal(() => calculateTotalMemory(whisper(changes)))).toContain(said);
  });

  it.each([
    [
      { num_key_value_heads: 7 },
      "inconsistent: num_key_value_heads is 7, which does not divide num_attention_heads 32",
    ],
    [{ num_key_value_heads: 0 }, "out-of-range: num_key_value_heads is 0"],
    [{ num_key_value_heads: 64 }, "inconsistent: num_key_value_heads is 64"],
    [
      { hidden_size: 16, head_dim: null },
      "inconsistent: num_attention_heads is 32, more than hidden_size 16",
    ],
    [{ attention_bias: 0 }, "out-of-range: attention_bias is 0, but must be true or false"],
  ])("Llama with %j", (changes, said) => {
    expect(refusal(() => calculateTotalMemory(llama(changes)))).toContain(said);
  });

  it("names the section that a field is in", () => {
    const config = structuredClone(catalogConfig(QWEN)) as {
      text_config: Json;
      audio_config: Json;
    };
    config.text_config.vocab_size = "many";
    expect(refusal(() => calculateTotalMemory(config))).toContain(
      'text_config.vocab_size is "many"',
    );
    expect(refusal(() => calculateTotalMemory({ ...config, text_config: [] }))).toContain(
      "text_config is [], but must be an object",
    );
    expect(
      refusal(() => calculateTotalMemory({ ...config, text_config: { model_type: 5 } })),
    ).toContain("text_config.model_type is 5");
    expect(
      refusal(() => calculateTotalMemory({ ...config, text_config: { model_type: "qwen22" } })),
    ).toMatch(/text_config\.model_type is "qwen22".*nearest known: qwen2/);
  });

  it("null is absence: the reference's default", () => {
    expect(calculateTotalMemory(whisper({ d_model: null })).totalMemoryBytes).toBe(
      calculateTotalMemory(whisper({ d_model: 384 })).totalMemoryBytes,
    );
  });
});

describe("prototypes", () => {
  it("what __proto__ and its like smuggle in is never read", () => {
    const text = JSON.stringify(catalogConfig(WHISPER));
    const smuggled = parseJson(
      text.replace(
        "{",
        '{"__proto__": {"d_model": 768, "polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, ',
      ),
      "config.json",
    );
    expect(calculateTotalMemory(smuggled)).toEqual(calculateTotalMemory(catalogConfig(WHISPER)));
    expect(({} as Json).polluted).toBeUndefined();
    expect(
      refusal(() =>
        calculateTotalMemory(parseJson('{"__proto__": {"model_type": "whisper"}}', "c")),
      ),
    ).toContain("missing-field: model_type is missing");
    expect(refusal(() => calculateTotalMemory(Object.create({ model_type: "whisper" })))).toContain(
      "missing-field: model_type is missing",
    );
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "%s is no model, type or dtype",
    (name) => {
      expect(catalogConfig(name)).toBeUndefined();
      expect(refusal(() => calculateMemory(name))).toContain("unknown-model");
      expect(refusal(() => calculateTotalMemory({ model_type: name }))).toContain(
        "unknown-model-type",
      );
      expect(refusal(() => calculateMemory(WHISPER, { precision: name }))).toContain(
        "unknown-precision",
      );
      expect(refusal(() => calculateMemory(WHISPER, { engine: name }))).toContain("unknown-engine");
      expect(
        refusal(() =>
          calculateMemory({ model_type: "ultravox", text_model_id: name, audio_model_id: WHISPER }),
        ),
      ).toContain("unresolved-reference");
    },
  );
});

describe("what it is", () => {
  it("an unknown model_type is refused, with the nearest names", () => {
    expect(refusal(() => calculateTotalMemory({ model_type: "whisperr" }))).toMatch(
      /^unknown-model-type: model_type is "whisperr", .*nearest known: whisper/,
    );
    expect(refusal(() => calculateTotalMemory({ model_type: "" }))).toContain('model_type is ""');
    expect(refusal(() => calculateTotalMemory({ model_type: ["whisper"] }))).toContain(
      'wrong-type: model_type is ["whisper"]',
    );
    expect(refusal(() => calculateTotalMemory({ architectures: ["WhisperrForCTC"] }))).toContain(
      'architectures is "WhisperrForCTC"',
    );
    expect(refusal(() => calculateTotalMemory({}))).toContain(
      "missing-field: model_type is missing",
    );
  });

  it("an unknown catalog id is refused, with the nearest ids", () => {
    expect(refusal(() => calculateMemory("openai/whisper-larg-v3"))).toContain(
      "openai/whisper-large-v3",
    );
    expect(refusal(() => calculateMemory(""))).toContain('unknown-model: "" is not in the catalog');
  });

  it("a config's words start no terminal escapes", () => {
    const escapes = "\u001b[31m\u009b31m\nred";
    expect(refusal(() => calculateTotalMemory({ model_type: escapes }))).toContain(
      "unknown-model-type",
    );
    const report = calculateTotalMemory(whisper({ architectures: [escapes] }));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    expect(renderExplained(report)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe("Ultravox's references", () => {
  const parts = {
    model_type: "ultravox",
    audio_model_id: WHISPER,
    text_model_id: "meta-llama/Llama-3.2-1B",
  };
  it("are resolved through whoever loads models, and counted", () => {
    expect(calculateMemory(parts).encoderWeightMemoryBytes).toBeGreaterThan(0);
    expect(calculateMemory(parts).decoderWeightMemoryBytes).toBeGreaterThan(0);
  });
  it.each(["audio_model_id", "text_model_id"])("%s that cannot be had is named", (field) => {
    expect(refusal(() => calculateMemory({ ...parts, [field]: "someone/something" }))).toBe(
      `unresolved-reference: ${field} refers to "someone/something", whose config.json is not at hand, so that part cannot be counted: put its config in place of the reference or use a model whose parts are in the catalog.`,
    );
    expect(refusal(() => calculateTotalMemory(parts))).toContain(
      "unresolved-reference: audio_model_id",
    );
    expect(refusal(() => calculateMemory({ ...parts, [field]: undefined }))).toContain(
      `missing-field: Neither ${field} nor ${field.replace("_model_id", "_config")} is given`,
    );
  });
  it("a reference to the wrong kind of model is refused, not counted as something else", () => {
    expect(
      refusal(() => calculateMemory({ ...parts, audio_model_id: "meta-llama/Llama-3.2-1B" })),
    ).toContain('audio_model_id.model_type is "llama"');
    expect(refusal(() => calculateMemory({ ...parts, text_model_id: WHISPER }))).toContain(
      'text_model_id.model_type is "whisper"',
    );
    const { audio_model_id: _, ...rest } = parts;
    expect(
      refusal(() => calculateMemory({ ...rest, audio_config: { model_type: "wav2vec2" } })),
    ).toContain('audio_config.model_type is "wav2vec2"');
  });
  it("a reference that resolves to no config is refused", () => {
    expect(refusal(() => calculateTotalMemory(parts, { resolve: () => "text" }))).toContain(
      'not-a-config: The config of "openai/whisper-tiny" is "text"',
    );
  });
  it("a model that refers to itself ends in a sentence", () => {
    const self = { ...parts, text_model_id: "me" };
    const resolve = (id: string) => (id === "me" ? self : catalogConfig(id));
    expect(refusal(() => calculateTotalMemory(self, { resolve }))).toContain("unknown-model-type");
  });
});

describe("options", () => {
  const LLAMA = "meta-llama/Llama-3.2-1B";
  const WHOLE = ["batchSize", "maxModelLen", "promptTokens", "maxNewTokens", "tensorParallelSize"];
  const flag = (option: string) => option.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  it.each(
    WHOLE.flatMap((option) =>
      [0, -1, 1.5, 1e308, Number.NaN, Number.POSITIVE_INFINITY, "1", [], {}, true].map(
        (value) => [option, value] as const,
      ),
    ),
  )("%s of %s", (option, value) => {
    const said = typeof value === "number" ? String(value) : JSON.stringify(value);
    expect(refusal(() => calculateMemory(LLAMA, { [option]: value }))).toContain(
      `out-of-range: --${flag(option)} is ${said}, but must be a whole number from 1 to`,
    );
  });

  it("a large but countable workload is counted, one beyond 2^53 bytes is refused", () => {
    expect(
      calculateMemory(LLAMA, { maxModelLen: 2 ** 31, promptTokens: 1 }).totalMemoryBytes,
    ).toBeGreaterThan(2 ** 31);
    expect(
      refusal(() => calculateMemory(LLAMA, { maxModelLen: 2 ** 31, batchSize: 2 ** 20 })),
    ).toContain("too-large");
  });

  it.each(["fp17", "", "int64", "bool", "fp16 ", 16, null, {}])("precision %j", (precision) => {
    const ask = () => calculateMemory(WHISPER, { precision: precision as string });
    if (precision === "fp16 ") expect(ask().precision).toBe("fp16");
    else expect(refusal(ask)).toContain("unknown-precision: --precision is ");
    const cache = () => calculateMemory(WHISPER, { kvCacheDtype: precision as string });
    if (precision === "fp16 ") expect(cache().kvCacheDtype).toBe("fp16");
    else expect(refusal(cache)).toContain("unknown-precision: --kv-cache-dtype is ");
  });

  it("the nearest precision is named", () => {
    expect(refusal(() => calculateMemory(WHISPER, { precision: "bfloat6" }))).toContain(
      "nearest: bfloat16",
    );
  });

  it.each(["vlm", "", 5, null])("engine %j", (engine) => {
    expect(refusal(() => calculateMemory(WHISPER, { engine: engine as string }))).toContain(
      `unknown-engine: --engine is ${JSON.stringify(engine)}`,
    );
  });

  it.each(["24", "GB", "-1GB", "1e3GB", "24 gigs", "", "1.GB"])("%j is no size", (text) => {
    expect(refusal(() => parseSize(text, "--memory"))).toContain("--memory is");
  });
  it("sizes have units", () => {
    expect(parseSize("24GiB", "--memory")).toBe(24 * 2 ** 30);
    expect(parseSize(" 1.5 gb ", "--memory")).toBe(1.5e9);
    expect(refusal(() => parseSize("9999999TiB", "--memory"))).toContain("too-large");
  });
});

describe("absurd sizes cost nothing", () => {
  const spent = (run: () => void): number => {
    const start = performance.now();
    run();
    return performance.now() - start;
  };

  it("a hundred thousand layers are as quick as four, and their names no longer", () => {
    const many = describeModel(whisper({ encoder_layers: 100_000, decoder_layers: 100_000 }));
    const few = describeModel(catalogConfig(WHISPER));
    expect(tensorTable(many.root).tensors.length).toBe(tensorTable(few.root).tensors.length);
    expect(JSON.stringify(many.root).length).toBeLessThan(JSON.stringify(few.root).length * 1.1);
    const time = spent(() => {
      const report = calculateTotalMemory(whisper({ encoder_layers: 100_000 }));
      expect(JSON.stringify(report).length).toBeLessThan(20_000);
    });
    expect(time).toBeLessThan(1000);
  });

  it("every field at its limit is refused at once", () => {
    for (const id of catalogIds()) {
      const inflate = (value: unknown): unknown =>
        typeof value === "number"
          ? 2 ** 24
          : typeof value === "object" && value !== null && !Array.isArray(value)
            ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inflate(inner)]))
            : value;
      const time = spent(() => refusal(() => calculateMemory(inflate(catalogConfig(id)))));
      expect(time, id).toBeLessThan(1000);
    }
  });
});

/** Numbers, words and shapes that configs must not have, and some that they may. */
const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -0,
    -1,
    1,
    2,
    3,
    7,
    0.5,
    1.5,
    1e308,
    -1e308,
    5e-324,
    2 ** 24,
    2 ** 24 + 1,
    100_000,
    2 ** 31,
    2 ** 53,
    2 ** 64,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    "",
    "0",
    "1e3",
    "auto",
    "whisper",
    "llama",
    "qwen2",
    "float32",
    "openai/whisper-tiny",
    "__proto__",
    "a\nb\u001b[2J",
    [],
    {},
  ),
  fc.integer({ min: 1, max: 4096 }),
  fc.integer(),
  fc.double(),
  fc
    .string({ unit: "grapheme", maxLength: 100 })
    .filter((text) => !/undefined|object|function/.test(text)),
  fc.array(fc.constantFrom<unknown>("sliding_attention", "full_attention", 1, null), {
    maxLength: 5,
  }),
  fc.dictionary(
    fc.constantFrom("__proto__", "model_type", "d_model", "text_config", "x"),
    fc.integer(),
    {
      maxKeys: 3,
    },
  ),
);

type Mutation = {
  readonly at: number;
  readonly how: "replace" | "delete" | "add" | "wrap";
  readonly key: string;
  readonly value: unknown;
};
const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(1000),
  how: fc.constantFrom("replace", "replace", "replace", "delete", "add", "wrap"),
  key: fc.constantFrom(
    "__proto__",
    "constructor",
    "model_type",
    "text_config",
    "audio_config",
    "head_dim",
    "sliding_window",
    "use_sliding_window",
    "layer_types",
    "num_projector_layers",
    "num_key_value_heads",
    "torch_dtype",
    "dtype",
    "architectures",
    "",
  ),
  value: nasty,
});

/** Every object of the config with every key in it, the nested ones too. */
function places(value: unknown): [Json | unknown[], string][] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Json;
  return Object.keys(holder).flatMap((key): [Json, string][] => [
    [holder, key],
    ...(places(holder[key]) as [Json, string][]),
  ]);
}

function mutated(config: unknown, mutations: readonly Mutation[]): unknown {
  const copy = structuredClone(config);
  for (const { at, how, key, value } of mutations) {
    const all = places(copy);
    const [holder, name] = all[at % Math.max(1, all.length)] ?? [];
    if (!holder || name === undefined) continue;
    const object = holder as Json;
    const set = (to: string, what: unknown) =>
      Object.defineProperty(object, to, {
        // A copy: two mutations may share a value, and one inside itself would have no end.
        value: structuredClone(what),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    if (how === "delete" && !Array.isArray(holder)) delete object[name];
    else if (how === "add" && !Array.isArray(holder)) set(key, value);
    else if (how === "wrap") set(name, { [key === "__proto__" ? "x" : key]: object[name] });
    else set(name, value);
  }
  return copy;
}

/** A report in which every number is finite and every size a whole number of bytes. */
function expectFinite(config: unknown, engine: string): void {
  const report = calculateMemory(config, { engine });
  const look = (value: unknown, path: string): void => {
    if (typeof value === "number") {
      expect(Number.isFinite(value), `${path} ${value}`).toBe(true);
      expect(value, path).toBeGreaterThanOrEqual(0);
      if (!path.endsWith("econds"))
        expect(Number.isSafeInteger(value), `${path} ${value}`).toBe(true);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) look(inner, `${path}/${key}`);
    } else if (typeof value === "string") {
      // What the config said may be quoted among the assumptions.
      if (!path.startsWith("/assumptions")) expect(value, path).not.toMatch(/NaN|Infinity/);
      expect(value, path).not.toMatch(/undefined|\[object/);
    }
  };
  look({ ...report }, "");
  expect(report.totalMemoryBytes).toBeGreaterThan(0);
  expect(renderExplained(report)).not.toMatch(/undefined|\[object/);
  const model = describeModel(config, { resolve: catalogConfig });
  const { total, components } = countParameters(model.root);
  expect(Object.values(components).reduce((a, b) => a + b, 0)).toBe(total);
  for (const [name, shape] of tensorTable(model.root).tensors)
    for (const size of shape) expect(size, name).toBeGreaterThan(0);
}

describe("mutated configs", () => {
  const configs = catalogIds().map((id) => [id, catalogConfig(id)] as const);
  it("give a finite report or one sentence, and quickly", () => {
    let reports = 0;
    let refusals = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...configs),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...engines.map(({ name }) => name)),
        ([, config], mutations, engine) => {
          const start = performance.now();
          try {
            expectFinite(mutated(config, mutations), engine);
            reports += 1;
          } catch (error) {
            if (!(error instanceof InputError)) throw error;
            expectSentence(error);
            refusals += 1;
          }
          // A thousand times what a case takes: only a loop over a size could be slower.
          expect(performance.now() - start).toBeLessThan(2000);
        },
      ),
      { numRuns: 2000 },
    );
    expect(reports).toBeGreaterThan(150);
    expect(refusals).toBeGreaterThan(150);
  });

  it("anything at all in place of a config", () => {
    fc.assert(
      fc.property(fc.oneof(nasty, fc.jsonValue()), (value) => {
        expect(refusal(() => calculateTotalMemory(value))).toMatch(
          /^(not-a-config|missing-field|wrong-type|unknown-model-type): /,
        );
      }),
      { numRuns: 500 },
    );
  });

  it("any text in place of JSON", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.nat(), (text, cut) => {
        const broken = text.slice(0, cut % (text.length + 1));
        try {
          parseJson(broken, "config.json");
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          expect(error.code).toBe("malformed-json");
        }
      }),
      { numRuns: 500 },
    );
  });

  it("any options at all", () => {
    const keys = [
      "batchSize",
      "audioSeconds",
      "encoderSeqLength",
      "maxModelLen",
      "promptTokens",
      "maxNewTokens",
      "precision",
      "kvCacheDtype",
      "tensorParallelSize",
      "engine",
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(WHISPER, QWEN, ULTRAVOX, "meta-llama/Llama-3.2-1B"),
        fc.dictionary(fc.constantFrom(...keys), nasty, { maxKeys: 4 }),
        (id, options) => {
          try {
            const report = calculateMemory(id, options);
            expect(Number.isSafeInteger(report.totalMemoryBytes)).toBe(true);
          } catch (error) {
            if (!(error instanceof InputError)) throw error;
            expectSentence(error);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
