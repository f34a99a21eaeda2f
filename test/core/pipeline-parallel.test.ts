import { readFileSync } from "node:fs";
import { calculateMemory, catalogIds, InputError, prepare } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { countParameters, deviceBuffers } from "../../src/core/derive/parameters.ts";
import { bytesOf, type Dtype } from "../../src/core/dtype.ts";
import { deviceMap, shareOn } from "../../src/core/engines/transformers/device-map.ts";
import { towersOf } from "../../src/core/engines/transformers/tower.ts";
import { stageLayers, stageTrees } from "../../src/core/engines/vllm/stages.ts";
import { storedBytes, storedTensors } from "../../src/core/quantization/stored.ts";
import { layerLists, layerStacks, shareOf, shareWeights } from "../../src/core/tree/share.ts";
import { walk } from "../../src/core/tree/walk.ts";
import { modelOf } from "../models.ts";

interface Placed {
  readonly model: string;
  readonly dtype: string;
  readonly devices: number;
  readonly bytes: readonly number[];
}

/** What `validation/device_map.py` printed, with transformers 5.18 and torch 2.13. */
const placed = readFileSync(
  new URL("../measurements/device-map/transformers-5.18.jsonl", import.meta.url),
  "utf8",
)
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Placed);

/** Where bytes differ although every module lies where it should, and why. */
const OFF: Readonly<Record<string, number>> = {
  // `from_pretrained` keeps the encoder's positions in fp32; the model that was asked was not loaded.
  "mistralai/Voxtral-Mini-3B-2507": 1500 * 1280 * 2,
  // The scale of the embeddings, a buffer of one number, is made in the model's dtype there.
  "google/gemma-2-9b": 2,
  "google/gemma-3-4b-it": 2,
  // Names no layers that must stay whole, so that half a layer can lie on each side of the cut.
  "facebook/wav2vec2-large-960h": 2 * 12_600_000 * 2,
};

describe("device_map=auto", () => {
  it.each(placed)("divides $model between $devices as transformers does", (row) => {
    const model = modelOf(row.model);
    const dtype = (
      row.dtype === "bfloat16" ? "bf16" : row.dtype === "float32" ? "fp32" : "fp16"
    ) as Dtype;
    const { setup } = prepare(model, { precision: dtype });
    const ours = deviceMap(model.root, setup, row.devices).map((device) => {
      const tree = shareOf(model.root, shareOn(device));
      let size = storedBytes(storedTensors(tree, setup));
      for (const buffer of deviceBuffers(tree))
        size +=
          buffer.elements * bytesOf(buffer.dtype === "model" ? dtype : (buffer.dtype as Dtype));
      return size;
    });
    const off = OFF[row.model] ?? 0;
    if (off === 0) expect(ours).toEqual(row.bytes);
    for (const [at, size] of ours.entries())
      expect(Math.abs(size - (row.bytes[at] ?? 0)), `device ${at}`).toBeLessThanOrEqual(off);
  });
});

describe("vLLM's stages", () => {
  // As its own documentation and tests state them (tests/distributed/test_pipeline_partition.py).
  it.each([
    [32, 4, [8, 8, 8, 8]],
    [22, 4, [5, 6, 6, 5]],
    [5, 3, [2, 2, 1]],
    [4, 3, [1, 2, 1]],
    [3, 2, [2, 1]],
  ])("%i layers in %i stages are %j", (layers, stages, counts) => {
    expect(stageLayers(layers, stages)).toEqual(counts);
  });

  const divisible = catalogIds().filter((id) => {
    const { root, type } = modelOf(id);
    // vLLM serves models that write, not those that speak.
    if (type === "text-to-speech" || type === "codec") return false;
    const decoder = towersOf(root).find(({ op }) => op.side === "decoder");
    let crosses = false;
    walk(root, ({ state }) => {
      if (state?.kind === "kv" && state.over === "cross") crosses = true;
    });
    // Towers and other lists of layers inside the language model are neither inside nor outside of what is divided.
    if (!decoder || towersOf(decoder.module).length > 1) return false;
    if (layerLists(decoder.module).length !== 1) return false;
    return !crosses && !shareWeights(layerStacks(decoder.module));
  });

  it("hold every layer once, and the token table twice where the head is the table", () => {
    expect(divisible.length).toBeGreaterThan(80);
    for (const id of divisible) {
      const { root } = modelOf(id);
      const decoder = towersOf(root).find(({ op }) => op.side === "decoder");
      if (!decoder) throw new Error(id);
      const whole = countParameters(root).total;
      const inside = countParameters({ component: decoder.component, ...decoder.module }).total;
      const [first, last] = stageTrees(root, 2).map(({ tree }) => countParameters(tree).total);
      const sum = (first ?? 0) + (last ?? 0);
      let [owned, table] = [0, 0];
      walk(root, ({ op, tensors }) => {
        for (const { shape, tiedTo } of tensors) {
          if (op?.kind !== "head") continue;
          const size = shape.reduce((a, b) => a * b, 1);
          if (tiedTo === undefined) owned += size;
          else table = size;
        }
      });
      const elsewhere = whole - inside - owned;
      // What lies outside the language model is built by every stage.
      expect(sum, id).toBe(whole + elsewhere + table);
    }
  });

  it("cut as many blocks as the stage with the least room", () => {
    const options = {
      engine: "vllm",
      gpuMemory: 80 * 2 ** 30,
      tensorParallelSize: 4,
      pipelineParallelSize: 2,
    };
    const report = calculateMemory("meta-llama/Llama-3.1-70B", options);
    const { serving, stages } = report;
    const budget = serving?.device?.budgetBytes ?? 0;
    expect(stages).toHaveLength(2);
    // Graphs live in the slack beyond the budget.
    for (const { totalMemoryBytes } of stages ?? [])
      expect(totalMemoryBytes).toBeLessThanOrEqual(budget + (serving?.cudaGraphBytes ?? 0));
    expect(Math.max(...(stages ?? []).map(({ totalMemoryBytes }) => totalMemoryBytes))).toBe(
      report.totalMemoryBytes,
    );
    const alone = calculateMemory("meta-llama/Llama-3.1-70B", {
      ...options,
      pipelineParallelSize: 1,
    });
    expect(serving?.device?.kvCacheTokens).toBeGreaterThan(
      alone.serving?.device?.kvCacheTokens ?? 0,
    );
  });
});

describe("a pipeline", () => {
  it.each([
    ["transformers", "Qwen/Qwen2-Audio-7B-Instruct"],
    ["transformers", "openai/whisper-large-v3"],
    ["transformers", "mistralai/Mixtral-8x7B-v0.1"],
    ["vllm", "Qwen/Qwen2-Audio-7B-Instruct"],
    ["vllm", "deepseek-ai/DeepSeek-V3"],
  ])("comes to the same under %s whether %s is prepared or estimated", (engine, id) => {
    for (const pipelineParallelSize of [1, 2, 3]) {
      const options = { engine, pipelineParallelSize };
      const report = calculateMemory(id, { ...options, batchSize: 3 });
      expect(prepare(modelOf(id), options).total({ batchSize: 3 }).totalMemoryBytes).toBe(
        report.totalMemoryBytes,
      );
      const most = (report.stages ?? [report]).map(({ totalMemoryBytes }) => totalMemoryBytes);
      expect(Math.max(...most)).toBe(report.totalMemoryBytes);
    }
  });

  it.each([
    ["openai/whisper-large-v3", { engine: "vllm", pipelineParallelSize: 2 }, /on one stage/],
    ["openai/whisper-tiny", { pipelineParallelSize: 8 }, /devices empty: use fewer/],
    ["Zyphra/Zamba2-1.2B", { pipelineParallelSize: 2 }, /layers share weights/],
    ["Qwen/Qwen3-8B", { engine: "vllm", pipelineParallelSize: 37 }, /has 36 layers/],
    ["openai/whisper-tiny", { engine: "whisper.cpp", pipelineParallelSize: 2 }, /on one device/],
    ["Qwen/Qwen3-8B", { engine: "generic", pipelineParallelSize: 2 }, /generic have no stages/],
    ["Qwen/Qwen3-8B", { pipelineParallelSize: 1.5 }, /--pipeline-parallel-size is 1.5/],
  ])("of %s %j is refused in one sentence", (id, options, message) => {
    expect(() => calculateMemory(id, options)).toThrow(InputError);
    expect(() => calculateMemory(id, options)).toThrow(message);
  });
});
