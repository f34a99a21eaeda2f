import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  calculateMemory,
  catalogConfig,
  describe as describeModel,
  devices,
  GiB,
  gpusOfSize,
  limits,
  parseGpus,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { printed, refused } from "./bin.ts";

const TURBO = "openai/whisper-large-v3-turbo";
const LLAMA = "meta-llama/Llama-3.2-1B";
const model = (id: string) => describeModel(catalogConfig(id), { resolve: catalogConfig });
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("--gpu", () => {
  it("sets the memory, and the ranks where none are given", () => {
    const said = JSON.parse(printed(TURBO, "--engine", "vllm", "--gpu", "2xl4", "--json"));
    const options = { engine: "vllm", gpuMemory: parseGpus("l4").usableBytes };
    expect(said).toEqual(plain(calculateMemory(TURBO, { ...options, tensorParallelSize: 2 })));
    const one = printed(
      TURBO,
      "--engine",
      "vllm",
      "--gpu",
      "2xl4",
      "--tensor-parallel-size",
      "1",
      "--json",
    );
    expect(JSON.parse(one)).toEqual(plain(calculateMemory(TURBO, options)));
  });
  it("is refused when it is unknown, or given twice over", () => {
    expect(refused(TURBO, "--gpu", "4091")).toMatch(/no known device \(nearest: .*4090/);
    expect(refused(TURBO, "--gpu", "l4", "--gpu-memory", "24GiB")).toMatch(/^Both --gpu and/);
  });
});

describe("gpus", () => {
  it("lists every device", () => {
    const page = printed("gpus");
    for (const { id, name } of devices)
      expect(page).toMatch(new RegExp(`^${id} +${name.replace(/[()]/g, ".")} `, "m"));
    expect(JSON.parse(printed("gpus", "--json"))).toEqual(plain(devices));
  });
});

describe("limits", () => {
  it("answers in one command for both engines", () => {
    const page = printed("limits", TURBO, "--gpu", "rtx-4090", "--audio-seconds", "30");
    const both = ["transformers", "vllm"].map(
      (engine) =>
        limits(model(TURBO), { engine, audioSeconds: 30 }, parseGpus("4090")).sequences.value,
    );
    expect(page).toMatch(new RegExp(`streams of 30 s at once +${both[0]} .* ${both[1]} `));
  });
  it("--json is what the library says", () => {
    const said = JSON.parse(
      printed(
        "limits",
        LLAMA,
        "--gpu-memory",
        "24GiB",
        "--engine",
        "vllm",
        "--max-model-len",
        "4096",
        "--json",
      ),
    );
    const options = { engine: "vllm", maxModelLen: 4096 };
    expect(said).toEqual({
      schemaVersion: 1,
      model: LLAMA,
      limits: [plain(limits(model(LLAMA), options, gpusOfSize(24 * GiB, 1)))],
    });
  });
  it("says how a server would start that does not", () => {
    expect(printed("limits", "meta-llama/Llama-3.1-8B", "--gpu", "4090")).toMatch(
      /the server does not start for the model's own context; with --max-model-len \d+ it does/,
    );
  });
  it("leaves out an engine that does not run the model, and says why", () => {
    const page = printed("limits", "facebook/wav2vec2-base-960h", "--gpu", "l4");
    expect(page).toMatch(/streams of 30 s at once +\d+ {2}\(memory\)\n/);
    expect(page).toContain("--engine vllm does not run Wav2Vec2ForCTC");
    expect(
      refused("limits", "facebook/wav2vec2-base-960h", "--gpu", "l4", "--engine", "vllm"),
    ).toContain("does not run");
  });
  it("needs a device", () => {
    expect(refused("limits", TURBO)).toMatch(/^No device is given/);
    expect(refused("limits", TURBO, "--gpu", "l4", "--margin", "5")).toMatch(/^--margin is "5"/);
  });
});

describe("fit", () => {
  it("gives a verdict and what to change", () => {
    expect(printed("fit", TURBO, "--gpu", "t4")).toMatch(/ on T4 \(15\.00 GiB usable\): fits\n/);
    const page = printed(
      "fit",
      "meta-llama/Llama-3.1-70B",
      "--gpu",
      "h100-80gb",
      "--margin",
      "1GiB",
    );
    expect(page).toContain(": does not fit");
    expect(page).toMatch(/margin \(--margin\) +1\.00 GiB/);
    expect(page).toContain("--tensor-parallel-size 2");
  });
  it("lists every device where none is named", () => {
    const page = printed("fit", TURBO);
    expect(page).toContain("The smallest single device is ");
    // Main memory is a device only for those who name it.
    const tried = devices.filter(({ id }) => !id.startsWith("cpu-"));
    expect(tried.length).toBeLessThan(devices.length);
    for (const { id } of tried) expect(page).toContain(`  ${id} `);
    expect(page).not.toContain("  cpu-");
    expect(JSON.parse(printed("fit", TURBO, "--json")).devices).toHaveLength(tried.length);
  });
  it("ends with the server's command, as estimate does", () => {
    const args = [LLAMA, "--engine", "vllm", "--gpu", "l4", "--max-model-len", "4096"];
    const command = /^vllm serve meta-llama\/Llama-3\.2-1B .*--max-model-len 4096 /m;
    expect(printed("fit", ...args)).toMatch(command);
    expect(printed(...args)).toMatch(command);
    expect(JSON.parse(printed("fit", ...args, "--json")).serve.command).toMatch(command);
  });
});

describe("compare and sweep", () => {
  it("compare: every format has every model", () => {
    for (const format of ["table", "csv", "jsonl", "markdown"]) {
      const page = printed("compare", TURBO, LLAMA, "--gpu", "l4,t4", "--format", format);
      for (const word of [TURBO, LLAMA, "l4", "t4"]) expect(page).toContain(word);
    }
    const said = printed("compare", TURBO, "--batch-size", "3", "--json");
    expect(JSON.parse(said).totalMemoryBytes).toBe(
      calculateMemory(TURBO, { batchSize: 3 }).totalMemoryBytes,
    );
  });
  it("sweep: ranges, lists and devices", () => {
    const lines = printed(
      "sweep",
      TURBO,
      "--batch-size",
      "1..4",
      "--precision",
      "fp16,int8",
      "--format",
      "csv",
    )
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(9);
    const line = lines[3]?.split(",") ?? [];
    const at = (key: string) => line[lines[0]?.split(",").indexOf(key) ?? -1];
    expect(Number(at("totalMemoryBytes"))).toBe(
      calculateMemory(TURBO, { batchSize: 3, precision: "fp16" }).totalMemoryBytes,
    );
  });
  it("bad lists get one sentence", () => {
    expect(refused("sweep", TURBO, "--batch-size", "4..1")).toMatch(/^--batch-size is "4\.\.1"/);
    expect(refused("sweep", TURBO, "--gpu", "l4,")).toMatch(/^--gpu is "l4,"/);
    expect(refused("sweep", TURBO, "--format", "xml")).toMatch(/^--format is "xml"/);
    expect(refused("compare")).toMatch(/missing required argument/);
  });
});

describe("pipeline", () => {
  const FILE = fileURLToPath(new URL("../examples/voice-assistant.json", import.meta.url));
  it("reads a file, and what the command line says of the device counts", () => {
    const page = printed("pipeline", FILE);
    expect(page).toContain("3 models on GeForce RTX 4090");
    for (const name of ["hears", "thinks", "speaks"]) expect(page).toContain(`  ${name} `);
    expect(printed("pipeline", FILE, "--gpu", "h100", "--margin", "1GiB")).toContain(
      "on H100 80 GB",
    );
    expect(JSON.parse(printed("pipeline", FILE, "--json")).stages).toHaveLength(3);
  });
  it("takes stages as flags, twice the same model too", () => {
    const said = JSON.parse(
      printed("pipeline", "--stage", `${TURBO} --batch-size 2`, "--stage", TURBO, "--json"),
    );
    expect(said.stages.map((stage: { name: string }) => stage.name)).toEqual([
      "whisper-large-v3-turbo",
      "whisper-large-v3-turbo 2",
    ]);
    expect(said.stages[0].peakBytes).toBe(
      calculateMemory(TURBO, { batchSize: 2 }).totalMemoryBytes,
    );
  });
  it("refuses files that are none", () => {
    const folder = mkdtempSync(join(tmpdir(), "pipeline-"));
    const file = (name: string, content: string) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    for (const [content, message] of [
      ["[]", /must be an object such as/],
      ['{"stages": 3}', /stages is 3, but must be a list/],
      ['{"gpus": "l4"}', /"gpus", which no pipeline takes \(nearest: gpu\)/],
      ['{"gpu": 4090}', /gpu is 4090, but must be a text/],
      ['{"stages": [{"model": "openai/whisper-tiny", "batch": 1}]}', /stages\[0\] has "batch"/],
      ["{", /is not valid JSON/],
    ] as const)
      expect(refused("pipeline", file("p.json", content))).toMatch(message);
    rmSync(folder, { recursive: true });
  });
  it("bad input gets one sentence", () => {
    expect(refused("pipeline")).toMatch(/has no stage/);
    expect(refused("pipeline", "nowhere.json")).toMatch(/nowhere\.json cannot be read/);
    expect(refused("pipeline", "--stage", "nobody/nothing")).toMatch(
      /neither a file here nor in the catalog/,
    );
    expect(refused("pipeline", "--stage", `${TURBO} --gpu l4`)).toMatch(/which no stage takes/);
    expect(refused("pipeline", "--stage", TURBO, "--gpu", "2xl4")).toMatch(/one device/);
  });
});

describe("--mode train", () => {
  it("is the library's report", () => {
    const said = JSON.parse(
      printed(
        LLAMA,
        "--mode",
        "train",
        "--method",
        "lora",
        "--lora-targets",
        "q_proj,v_proj",
        "--gradient-checkpointing",
        "--json",
      ),
    );
    const training = {
      method: "lora",
      loraTargets: ["q_proj", "v_proj"],
      gradientCheckpointing: true,
    };
    expect(said).toEqual(plain(calculateMemory(LLAMA, { training })));
    const bare = printed(LLAMA, "--mode", "train", "--no-master-weights");
    expect(bare).toContain("engine training");
    expect(bare).not.toContain("master weights");
  });
  it("works for fit and limits", () => {
    const page = printed("fit", "meta-llama/Llama-3.1-8B", "--mode", "train", "--gpu", "h100");
    expect(page).toContain("--method lora");
    expect(printed("limits", LLAMA, "--mode", "train", "--gpu", "l4")).toMatch(/ training\n/);
  });
  it("refuses what does not go together", () => {
    expect(refused(LLAMA, "--mode", "learn")).toMatch(/^--mode is "learn"/);
    expect(refused(LLAMA, "--method", "lora")).toMatch(
      /^--method was given, but it is about training/,
    );
    expect(refused(LLAMA, "--no-master-weights")).toMatch(/^--no-master-weights was given/);
    expect(refused(LLAMA, "--mode", "train", "--engine", "vllm")).toMatch(/keep one/);
  });
});
