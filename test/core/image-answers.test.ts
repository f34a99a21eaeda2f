import {
  calculateMemory,
  compare,
  fitOn,
  type ImageSize,
  InputError,
  limits,
  parseGpus,
  pipeline,
  sweep,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { stageFromLine } from "../../src/core/answers/stage-options.ts";
import { modelOf } from "../models.ts";

const QWEN = "Qwen/Qwen2.5-VL-7B-Instruct";
const GEMMA = "google/gemma-3-4b-it";
const H100 = parseGpus("h100-80gb");
const imageSize: ImageSize = { width: 1000, height: 600 };

describe("sweep", () => {
  it("has the totals that estimate gives, for every number and size of images", () => {
    const sizes = [imageSize, { width: 300, height: 900 }];
    const subjects = [QWEN, GEMMA].map((id) => ({ id, model: modelOf(id) }));
    const axes = { images: [0, 1, 3], imageSize: sizes, batchSize: [1, 4] };
    const points = [...sweep(subjects, axes, { promptTokens: 20, maxNewTokens: 30 })];
    expect(points).toHaveLength(2 * 3 * 2 * 2);
    for (const { model, images, batchSize, imageSize: text, ...point } of points) {
      const [width = 0, height = 0] = (text ?? "").split("x").map(Number);
      const report = calculateMemory(model, {
        images: images ?? -1,
        imageSize: { width, height },
        batchSize,
        promptTokens: 20,
        maxNewTokens: 30,
      });
      expect(point).toMatchObject({
        totalMemoryBytes: report.totalMemoryBytes,
        contextTokens: report.workload.contextTokens,
        peakPhase: report.peakPhase,
      });
    }
  });
});

describe("compare", () => {
  it("leaves images out for models that do not see", () => {
    const subjects = [QWEN, "openai/whisper-tiny"].map((id) => ({ id, model: modelOf(id) }));
    const [seeing, hearing] = [...compare(subjects, { images: 2, imageSize })];
    expect(seeing?.totalMemoryBytes).toBe(
      calculateMemory(QWEN, { images: 2, imageSize }).totalMemoryBytes,
    );
    expect(hearing?.totalMemoryBytes).toBe(calculateMemory("openai/whisper-tiny").totalMemoryBytes);
  });
});

describe.each(["transformers", "vllm"])("limits under %s", (engine) => {
  const options = { engine, images: 1, imageSize, promptTokens: 10, maxNewTokens: 10 };
  const found = limits(modelOf(GEMMA), options, H100);

  it("names the most images that run: one more does not", () => {
    const most = found.mostImages?.value ?? 0;
    expect(most).toBeGreaterThan(10);
    expect(
      fitOn(modelOf(GEMMA), { ...options, images: most }, H100).headroomBytes,
    ).toBeGreaterThanOrEqual(0);
    if (found.mostImages?.boundBy === "memory")
      expect(fitOn(modelOf(GEMMA), { ...options, images: most + 1 }, H100).verdict).not.toBe(
        "fits",
      );
    else expect((most + 1) * 256).toBeGreaterThan(131_072 - 256);
  });

  it("counts them in the context", () => {
    expect(found.images?.tokens).toBe(256);
    expect(found.contextTokens).toBe(256 + 20);
  });
});

it("limits without images say nothing of them", () => {
  expect(limits(modelOf(GEMMA), {}, H100)).toMatchObject({ images: null, mostImages: null });
});

describe("a pipeline's stage", () => {
  const stage = (line: string) => stageFromLine(line).options;

  it("takes images and their size, in a line as in a file", () => {
    const options = { images: 2, imageSize };
    expect(stage(`${QWEN} --images 2 --image-size 1000x600`)).toEqual(options);
    const model = modelOf(QWEN);
    const { stages } = pipeline([{ name: "sees", id: QWEN, model, options }], H100);
    expect(stages[0]?.peakBytes).toBe(calculateMemory(QWEN, options).totalMemoryBytes);
  });

  it("refuses what is no size", () => {
    expect(() => stage(`${QWEN} --images 2 --image-size 1000`)).toThrow(InputError);
    expect(() => stage(`${QWEN} --images two`)).toThrow(InputError);
  });
});
