import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { calculateMemory, catalogConfig, catalogIds } from "llm-memory-calculator";
import { afterAll, describe, expect, it } from "vitest";

/** The bin as it is installed: bundled, minified, in a process of its own. */
const BIN = fileURLToPath(new URL("../dist/cli.cjs", import.meta.url));
if (!existsSync(BIN)) throw new Error("dist/cli.cjs is not there: run `npm run build` first.");

const TURBO = "openai/whisper-large-v3-turbo";
const TINY = "openai/whisper-tiny";
const LLAMA = "meta-llama/Llama-3.2-1B";

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    encoding: "utf8",
    cwd: scratch,
    env: { PATH: process.env.PATH ?? "", LANG: "C.UTF-8", HF_HUB_OFFLINE: "1" },
    timeout: 15_000,
    maxBuffer: 64 * 2 ** 20,
  });
  return { status, stdout, stderr };
}

/** What a run that must succeed prints. */
function printed(...args: string[]): string {
  const ran = run(...args);
  expect(ran).toMatchObject({ status: 0, stderr: "" });
  return ran.stdout;
}

/** The sentence of a run that must fail: exit 2, nothing on standard output, one line without a stack. */
function refused(...args: string[]): string {
  const { status, stdout, stderr } = run(...args);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^llm-memory-calculator: [^\n]+\.\n$/);
  expect(stderr).not.toMatch(/ {2}at |undefined|\[object|Error:|\.js:\d/);
  expect(status).toBe(2);
  return stderr.slice("llm-memory-calculator: ".length, -1);
}

const scratch = mkdtempSync(join(tmpdir(), "cli-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const file = (name: string, content: string): string => {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return path;
};
const CONFIG = JSON.stringify(catalogConfig(TINY));

describe("estimate", () => {
  it("is a page that a person enjoys reading", async () => {
    const page = printed(TURBO);
    await expect(page).toMatchFileSnapshot("__snapshots__/whisper-large-v3-turbo.txt");
    for (const line of page.split("\n")) expect(line).toBe(line.trimEnd());
  });

  it("--explain adds each line's formula, basis and source", async () => {
    const page = printed(TURBO, "--explain");
    await expect(page).toMatchFileSnapshot("__snapshots__/whisper-large-v3-turbo-explained.txt");
    expect(page.startsWith(printed(TURBO).trimEnd())).toBe(true);
    for (const line of calculateMemory(TURBO).ledger.lines) {
      expect(page).toContain(`= ${line.formula}`);
      expect(page).toContain(`${line.basis}: ${line.source}`);
    }
  });

  it("is the default command", () => {
    expect(printed("estimate", TINY)).toBe(printed(TINY));
  });

  it.each([
    [[], {}],
    [["--batch-size", "4"], { batchSize: 4 }],
    [["--audio-seconds=12.5"], { audioSeconds: 12.5 }],
    [["--encoder-seq-length", "750"], { encoderSeqLength: 750 }],
    [["--max-model-len", "100"], { maxModelLen: 100 }],
    [["--seq-length", "100"], { maxModelLen: 100 }],
    [["--seq-length", "100", "--max-model-len", "100"], { maxModelLen: 100 }],
    [["--prompt-tokens", "10", "--max-new-tokens", "20"], { promptTokens: 10, maxNewTokens: 20 }],
    [["--precision", "int8"], { precision: "int8" }],
    [["--kv-cache-dtype", "fp8"], { kvCacheDtype: "fp8" }],
    [["--tensor-parallel-size", "2"], { tensorParallelSize: 2 }],
    [["--engine", "generic"], { engine: "generic" }],
    [["--batch-size", "1_000"], { batchSize: 1000 }],
  ])("--json with %j is what calculateMemory returns", (args, options) => {
    const said = JSON.parse(printed(TURBO, ...args, "--json"));
    expect(said).toEqual(JSON.parse(JSON.stringify(calculateMemory(TURBO, options))));
  });

  it("--json has the schema's keys, bytes only", () => {
    const schema = JSON.parse(
      readFileSync(new URL("../schema/memory-report.schema.json", import.meta.url), "utf8"),
    ) as { properties: object };
    const said = JSON.parse(printed(TINY, "--json")) as object;
    expect(Object.keys(said).sort()).toEqual(Object.keys(schema.properties).sort());
  });

  it("total in GB and GiB, rightly", () => {
    const { totalMemoryBytes } = calculateMemory(TURBO);
    expect(printed(TURBO)).toContain(
      `Total ${(totalMemoryBytes / 2 ** 30).toFixed(3)} GiB = ${(totalMemoryBytes / 1e9).toFixed(3)} GB`,
    );
  });
});

describe("the model", () => {
  it("is a config.json, a folder that has one, or a catalog id", () => {
    const folder = join(scratch, "model");
    mkdirSync(folder);
    const path = file("model/config.json", CONFIG);
    const strip = (json: string) => ({ ...JSON.parse(json), model: null });
    const expected = strip(printed(TINY, "--json"));
    for (const model of [path, folder, "model", "./model", "model/config.json"]) {
      const json = printed(model, "--json");
      expect(JSON.parse(json).model).toBe(model);
      expect(strip(json)).toEqual(expected);
    }
  });

  it("a path wins over a catalog id", () => {
    mkdirSync(join(scratch, "openai/whisper-base"), { recursive: true });
    file("openai/whisper-base/config.json", CONFIG);
    expect(JSON.parse(printed("openai/whisper-base", "--json")).parameterCount).toBe(37_760_640);
  });

  it("Python's numbers and a byte order mark are read", () => {
    const path = file(
      "python.json",
      `\ufeff${CONFIG.replace("{", '{"x": Infinity, "y": [NaN], ')}`,
    );
    expect(JSON.parse(printed(path, "--json")).parameterCount).toBe(37_760_640);
  });

  it("a reference to another model is resolved from the catalog", () => {
    const path = file(
      "ultravox.json",
      JSON.stringify({ model_type: "ultravox", audio_model_id: TINY, text_model_id: LLAMA }),
    );
    expect(printed(path)).toContain("audio_projector");
    const broken = file(
      "broken-ultravox.json",
      JSON.stringify({ model_type: "ultravox", audio_model_id: "me/mine", text_model_id: LLAMA }),
    );
    expect(refused(broken)).toContain('audio_model_id refers to "me/mine"');
  });
});

describe("params", () => {
  it("--tensors --json has the shape of a truth file", () => {
    const truth = JSON.parse(
      readFileSync(
        new URL("fixtures/parameters/openai__whisper-tiny.json", import.meta.url),
        "utf8",
      ),
    );
    const said = JSON.parse(printed("params", TINY, "--tensors", "--json"));
    expect(Object.keys(said).sort()).toEqual(
      ["active", "architecture", "components", "id", "tables", "tensors", "tied", "total"].sort(),
    );
    expect(said).toMatchObject({
      id: TINY,
      architecture: "WhisperForConditionalGeneration",
      total: truth.total,
      components: truth.components,
      tied: truth.tied,
    });
    expect(said.tensors).toContainEqual([
      "model.encoder.layers.{0-3}.self_attn.k_proj.weight",
      [384, 384],
    ]);
    expect([...said.tensors].sort()).toEqual([...truth.tensors].sort());
  });

  it("without --tensors has no tensors", () => {
    expect(JSON.parse(printed("params", TINY, "--json"))).not.toHaveProperty("tensors");
  });

  it("for people: components with their shares", () => {
    const page = printed("params", TINY);
    expect(page).toContain("37,760,640");
    expect(page).toMatch(/embeddings +19,916,160 +52\.7 %/);
    expect(page).toContain("proj_out.weight is model.decoder.embed_tokens.weight");
    expect(page).not.toContain("k_proj");
    expect(printed("params", TINY, "--tensors")).toContain("[384, 80, 3]");
  });

  it("works for a config.json too", () => {
    const path = file("params.json", CONFIG);
    expect(JSON.parse(printed("params", path, "--json")).total).toBe(37_760_640);
  });
});

describe("models", () => {
  it("lists the catalog", () => {
    const page = printed("models");
    for (const id of catalogIds()) expect(page).toContain(id);
    const rows = JSON.parse(printed("models", "--json")) as {
      id: string;
      parameterCount: number;
    }[];
    expect(rows.map(({ id }) => id)).toEqual([...catalogIds()]);
    expect(rows.find(({ id }) => id === TINY)).toEqual({
      id: TINY,
      architecture: "WhisperForConditionalGeneration",
      modelType: "encoder-decoder",
      parameterCount: 37_760_640,
      purpose: "speech recognition and translation",
    });
  });
});

describe("help and version", () => {
  it.each([[["--help"]], [["help"]], [["estimate", "--help"]], [["help", "params"]], [["-h"]]])(
    "%j is printed on standard output",
    (args) => {
      expect(printed(...args)).toContain("Usage: llm-memory-calculator");
    },
  );
  it("--version is the package's", () => {
    const { version } = JSON.parse(
      readFileSync(new URL("../package.json", import.meta.url), "utf8"),
    ) as { version: string };
    expect(printed("--version")).toBe(`${version}\n`);
  });
});

describe("refusals", () => {
  it.each([
    [
      ["openai/whisper-tny"],
      '"openai/whisper-tny" is neither a file here nor in the catalog (nearest: openai/whisper-tiny,',
    ],
    [["params", "openai/whisper-tny"], "nearest: openai/whisper-tiny,"],
    [[""], '"" is neither a file here nor in the catalog'],
    [["__proto__"], '"__proto__" is neither'],
    [["./nowhere"], '"./nowhere" is no file or folder here'],
    [["nowhere.json"], '"nowhere.json" is no file or folder here'],
    [["."], '"." is a folder without a config.json'],
    [
      [TINY, "--batch-sise", "2"],
      "unknown option '--batch-sise' (did you mean --batch-size?): see --help.",
    ],
    [
      ["params", TINY, "--tensor"],
      "unknown option '--tensor' (did you mean --tensors?): see --help.",
    ],
    [[TINY, "--batch-size"], "option '--batch-size <n>' argument missing: see --help."],
    [
      [TINY, "extra"],
      "too many arguments for 'estimate', expected 1 argument but got 2: see --help.",
    ],
    [[], "missing required argument 'model': see --help."],
    [["params"], "missing required argument 'model': see --help."],
    [["help", "nothing"], "there is no such command: see --help."],
    [[TINY, "--precision", "fp17"], '--precision is "fp17", which is no known precision'],
    [
      [TINY, "--kv-cache-dtype", "int64"],
      '--kv-cache-dtype is "int64", in which neither weights nor caches are kept',
    ],
    [
      [TINY, "--engine", "vlm"],
      '--engine is "vlm", which is no known engine: use transformers, vllm, faster-whisper, whisper.cpp, generic',
    ],
    [
      [LLAMA, "--audio-seconds", "3"],
      "--audio-seconds was given, but this model does not take audio",
    ],
    [[TINY, "--max-model-len", "449"], "A context of 449 tokens is more than the 448 positions"],
    [
      [TINY, "--max-model-len", "10", "--seq-length", "11"],
      "--max-model-len is 10 and --seq-length is 11, but they mean the same: keep one.",
    ],
    [
      [TINY, "--audio-seconds", "3", "--encoder-seq-length", "150"],
      "Both --audio-seconds and --encoder-seq-length were given",
    ],
    [
      ["fixie-ai/ultravox-v0_5-llama-3_2-1b", "--max-model-len", "187"],
      "30 s of audio become 188 tokens, more than the context of 187",
    ],
  ])("%j", (args, said) => {
    expect(refused(...args)).toContain(said);
  });

  const NUMERIC = [
    "--batch-size",
    "--audio-seconds",
    "--encoder-seq-length",
    "--max-model-len",
    "--seq-length",
    "--prompt-tokens",
    "--max-new-tokens",
    "--tensor-parallel-size",
  ];
  it.each(NUMERIC)("%s takes only numbers that make sense", (flag) => {
    for (const text of ["abc", "", " ", "1O", "NaN"])
      expect(refused(TINY, flag, text)).toBe(
        `${flag} is ${JSON.stringify(text)}, but must be a number.`,
      );
    const fractions = flag === "--audio-seconds" ? [] : ["1.5"];
    for (const text of ["-1", "0", "1e308", "Infinity", ...fractions])
      expect(refused(TINY, flag, text)).toMatch(
        new RegExp(
          `^${flag} is ${String(Number(text)).replace("+", "\\+")}, but must be a (whole )?number`,
        ),
      );
  });

  it("malformed and other files", () => {
    expect(refused(file("half.json", CONFIG.slice(0, 40)))).toContain(
      "half.json is not valid JSON (",
    );
    expect(refused(file("empty.json", ""))).toContain("empty.json is not valid JSON (");
    expect(refused(file("list.json", "[1]"))).toContain("The config is [1], not a JSON object");
    expect(refused(file("binary.json", "\u0000\u001b[31m\ufffd"))).toContain("is not valid JSON");
    expect(refused(file("other.json", '{"model_type": "wisper"}'))).toContain(
      'model_type is "wisper", an architecture that is not described here',
    );
    expect(
      refused(file("wrong.json", CONFIG.replace('"d_model":384', '"d_model":"384"'))),
    ).toContain('d_model is "384", but must be a whole number');
    expect(refused(file("model.json", "GGUF\u0003"))).toContain("is a GGUF file");
    expect(refused(file("torch.json", "PK\u0003\u0004"))).toContain("is a zip archive, as PyTorch");
    expect(refused(file("model.onnx", "\u0008"))).toContain("is an ONNX file");
    expect(refused(file("unet.json", '{"_class_name": "UNet2DConditionModel"}'))).toContain(
      "diffusion models are not described here",
    );
    expect(refused(file("weights.bin", "x".repeat(17 * 2 ** 20)))).toContain(
      "too many for a config.json",
    );
  });

  it("an unknown architecture, whatever asks for it, and what it cannot be taken for", () => {
    const sizes =
      '"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 100';
    const path = file("unknown.json", `{"model_type": "unheard", ${sizes}}`);
    for (const command of ["estimate", "params", "fit", "limits", "compare", "sweep"])
      expect(refused(command, path, ...(command === "params" ? [] : ["--gpu", "l4"]))).toContain(
        "--assume llama describes it",
      );
    for (const command of ["estimate", "params", "fit", "limits", "compare", "sweep"]) {
      const gpu = command === "params" ? [] : ["--gpu", "l4"];
      expect(printed(command, path, "--assume", "llama", ...gpu)).toContain("assumed");
    }
    expect(printed("pipeline", "--gpu", "l4", "--stage", `${path} --assume llama`)).toContain(
      "(assumed)",
    );
    expect(refused(path, "--assume", "bert")).toContain("can only be assumed to be llama");
    const experts = file("experts.json", `{"model_type": "unheard", "num_experts": 8, ${sizes}}`);
    expect(refused(experts, "--assume", "llama")).toContain("num_experts is 8");
  });

  it("what cannot be read", () => {
    mkdirSync(join(scratch, "odd/config.json"), { recursive: true });
    expect(refused("odd")).toContain("odd/config.json cannot be read (EISDIR)");
    expect(refused("odd/config.json")).toContain("is a folder without a config.json");
    expect(refused(`${"x/".repeat(4000)}config.json`)).toContain("is no file or folder here");
  });

  it.skipIf(process.platform === "win32" || process.getuid?.() === 0)(
    "what may not be read (root may read everything)",
    () => {
      const path = file("secret.json", CONFIG);
      chmodSync(path, 0);
      expect(refused(path)).toContain("secret.json cannot be read (EACCES)");
    },
  );

  it.skipIf(!existsSync("/dev/zero"))("a device without an end is left at the limit", () => {
    expect(refused("/dev/zero")).toContain("too many for a config.json");
  });

  it("arguments start no terminal escapes", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
    for (const args of [
      ["\u001b[31m"],
      [TINY, "--\u001b[31m"],
      [TINY, "--batch-size", "\u001b[31m"],
    ])
      expect(refused(...args)).not.toMatch(control);
  });
});

describe("colour and pipes", () => {
  it("no escape codes where there is no terminal", () => {
    for (const args of [[TINY], [TINY, "--explain"], ["params", TINY], ["models"], ["--help"]])
      expect(printed(...args)).not.toContain("\u001b");
  });

  const pty = (environment: string): string =>
    execFileSync(
      "script",
      ["-qec", `env ${environment} '${process.execPath}' '${BIN}' ${TINY}`, "/dev/null"],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        env: { PATH: process.env.PATH ?? "" },
      },
    ).replaceAll("\r\n", "\n");
  const hasPty = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

  it.skipIf(!hasPty)(
    "colour on a terminal, unless NO_COLOR or TERM=dumb (needs util-linux's script)",
    () => {
      expect(pty("TERM=xterm")).toContain("\u001b[1m");
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what is removed here
      expect(pty("TERM=xterm").replace(/\u001b\[\d+m/g, "")).toBe(printed(TINY));
      expect(pty("TERM=xterm NO_COLOR=1")).toBe(printed(TINY));
      expect(pty("TERM=dumb")).toBe(printed(TINY));
    },
  );

  it
    .skipIf(process.platform === "win32")
    .each([[`models`], [`--help`], [`${TURBO} --explain`], [`params ${TURBO} --tensors --json`]])(
    "a reader that closes the pipe early is no error: %s | true",
    (args) => {
      const { stdout, stderr } = spawnSync(
        "bash",
        ["-c", `'${process.execPath}' '${BIN}' ${args} | true; echo "\${PIPESTATUS[0]}"`],
        { encoding: "utf8" },
      );
      expect(stderr).toBe("");
      expect(stdout).toBe("0\n");
    },
  );
});
