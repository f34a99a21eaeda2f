import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { catalogConfig, estimate, InputError, type Model } from "llm-memory-calculator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPath } from "../../src/hub/open.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "beside-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function opened(id: string, files: Readonly<Record<string, object>>): Promise<Model> {
  const all = { "config.json": catalogConfig(id) as object, ...files };
  for (const [name, value] of Object.entries(all))
    writeFileSync(join(folder, name), JSON.stringify(value));
  const { model } = await openPath(folder, { offline: true });
  if (!model) throw new Error("not described");
  return model;
}

describe("generation_config.json", () => {
  const ID = "openai/whisper-tiny";
  const generation = { num_beams: 5, num_return_sequences: 2, cache_implementation: "static" };

  it("presets what generate() does, and says so", async () => {
    const model = await opened(ID, { "generation_config.json": generation });
    const report = estimate(model);
    const asked = estimate(await opened(ID, {}), { numBeams: 5, cacheImplementation: "static" });
    expect(report.totalMemoryBytes).toBe(asked.totalMemoryBytes);
    expect(report.assumptions.join()).toContain(
      "From generation_config.json, where transformers generates: num_beams 5, num_return_sequences 2, cache_implementation static",
    );
  });

  it("gives way to options, and to engines with settings of their own", async () => {
    const [preset, plain] = [
      await opened(ID, { "generation_config.json": generation }),
      await opened(ID, { "generation_config.json": {} }),
    ];
    const one = { numBeams: 1, numReturnSequences: 1, cacheImplementation: "dynamic" };
    expect(estimate(preset, one).totalMemoryBytes).toBe(estimate(plain).totalMemoryBytes);
    for (const engine of ["vllm", "faster-whisper"])
      expect(estimate(preset, { engine }).totalMemoryBytes).toBe(
        estimate(plain, { engine }).totalMemoryBytes,
      );
  });

  it.each([
    [{ max_new_tokens: 100 }, 64 + 100],
    [{ max_length: 200 }, 200],
    [{ max_length: 20 }, 64],
    [{ max_length: 32 }, 64],
    [{ max_new_tokens: null }, 64],
  ])("%j sets what is generated after a given prompt", async (file, context) => {
    const model = await opened("meta-llama/Llama-3.2-1B", { "generation_config.json": file });
    const { workload } = estimate(model, { promptTokens: 64 });
    expect(workload.contextTokens).toBe(context);
    // The whole context is sized where nothing is said.
    expect(estimate(model).workload.contextTokens).toBe(2048);
    expect(estimate(model, { promptTokens: 64, maxNewTokens: 8 }).workload.contextTokens).toBe(72);
  });

  it("never asks for more than the model has positions", async () => {
    const model = await opened(ID, { "generation_config.json": { max_new_tokens: 4096 } });
    expect(estimate(model, { promptTokens: 4 }).workload.contextTokens).toBe(448);
  });

  it("with hybrid caches means the dynamic one of today, with unknown ones it is said", async () => {
    const dynamic = estimate(await opened(ID, {})).totalMemoryBytes;
    for (const [cache, said] of [
      ["hybrid", false],
      ["offloaded", true],
    ] as const) {
      const model = await opened(ID, { "generation_config.json": { cache_implementation: cache } });
      const report = estimate(model);
      expect(report.totalMemoryBytes).toBe(dynamic);
      expect(report.assumptions.join().includes("is not known: a dynamic cache")).toBe(said);
    }
  });

  it("that makes no sense is refused by the field", async () => {
    const broken = opened(ID, { "generation_config.json": { num_beams: "many" } });
    await expect(broken).rejects.toThrow(InputError);
    await expect(broken).rejects.toThrow(/^generation_config\.json\.num_beams is "many"/);
  });
});

describe("the feature extractor", () => {
  const OMNI = "Qwen/Qwen2.5-Omni-7B";
  const extractor = { sampling_rate: 16000, hop_length: 160, feature_size: 128, chunk_length: 300 };

  it("that says what the family says changes nothing, and is named", async () => {
    const plain = estimate(await opened(OMNI, {}), { audioSeconds: 400, maxModelLen: 16_384 });
    const report = estimate(await opened(OMNI, { "preprocessor_config.json": extractor }), {
      audioSeconds: 400,
      maxModelLen: 16_384,
    });
    expect(report.totalMemoryBytes).toBe(plain.totalMemoryBytes);
    expect(report.assumptions.join()).toContain(
      "From preprocessor_config.json: 16,000 samples a second, a frame every 160 samples, windows of 4,800,000 samples.",
    );
  });

  it.each(["preprocessor_config.json", "processor_config.json"])(
    "sets the window where no table of positions does (%s)",
    async (file) => {
      const own = { ...extractor, chunk_length: 30 };
      const stated = file.startsWith("pre") ? own : { feature_extractor: own };
      const model = await opened(OMNI, { [file]: stated });
      const { workload, assumptions } = estimate(model, { audioSeconds: 60 });
      expect(workload.audio?.cutSeconds).toBe(30);
      // 25 tokens a second.
      expect(workload.audioTokens).toBe(750);
      expect(assumptions.join()).toContain(`From ${file}:`);
    },
  );

  it("sets rate and hop", async () => {
    const own = { ...extractor, sampling_rate: 8000, hop_length: 80, chunk_length: 300 };
    const model = await opened(OMNI, { "preprocessor_config.json": own });
    expect(estimate(model, { audioSeconds: 10 }).workload.audioTokens).toBe(250);
    const slow = await opened(OMNI, {
      "preprocessor_config.json": { ...extractor, hop_length: 320 },
    });
    expect(estimate(slow, { audioSeconds: 10 }).workload.audioTokens).toBe(125);
  });

  it("that does not fit the encoder is named, and the encoder counted", async () => {
    const whisper = "openai/whisper-tiny";
    const file = { ...extractor, feature_size: 128, n_samples: 160_000 };
    const report = estimate(await opened(whisper, { "preprocessor_config.json": file }));
    rmSync(join(folder, "preprocessor_config.json"));
    expect(report.totalMemoryBytes).toBe(estimate(await opened(whisper, {})).totalMemoryBytes);
    expect(report.assumptions.join()).toMatch(
      /windows of 160,000 samples are not the encoder's 480,000, its 128 features are not the encoder's 80/,
    );
  });

  it("that only prepares images is passed over", async () => {
    const model = await opened("openai/whisper-tiny", {
      "preprocessor_config.json": { image_mean: [0.5], size: { height: 224 } },
    });
    expect(model.assumptions.join()).not.toContain("preprocessor_config.json");
  });
});
