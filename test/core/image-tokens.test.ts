import { readFileSync } from "node:fs";
import fc from "fast-check";
import {
  calculateMemory,
  catalogIds,
  describe as describeModel,
  type ImageLengths,
  type ImageSize,
  InputError,
  imageLengths,
  type Model,
  parseImageSize,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { largestImage } from "../../src/core/vision/largest-image.ts";
import { modelOf } from "../models.ts";

interface Case {
  readonly config: string;
  /** Width, height, tokens; null where the reference refuses. */
  readonly tokens: readonly (readonly [number, number, number | null, string?])[];
}

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8"));

/** Written by validation/image_tokens.py from transformers' own processors. */
const { cases } = fixture("image-tokens.json") as { readonly cases: readonly Case[] };

const caseModel = (config: string): Model =>
  config.endsWith(".json")
    ? describeModel((fixture(`variants/${config}`) as { config: unknown }).config)
    : modelOf(config);

function seen(model: Model, width: number, height: number, count = 1): ImageLengths {
  if (!model.vision) throw new Error(`${model.family} does not see`);
  return imageLengths(model.vision, count, { width, height });
}

function refusal(run: () => unknown): InputError {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

it.each(cases)(
  "$config makes as many tokens of images as the reference does",
  ({ config, tokens }) => {
    const model = caseModel(config);
    const ours = tokens.map(([width, height, expected, why]) => {
      if (expected !== null) return [width, height, seen(model, width, height).tokens];
      const { code } = refusal(() => seen(model, width, height));
      return [width, height, code === "does-not-fit" ? null : code, why];
    });
    expect(ours).toEqual(tokens);
  },
);

describe("what one image becomes", () => {
  it("in Qwen2-VL: 37 × 27 tokens of four patches", () => {
    expect(seen(modelOf("Qwen/Qwen2-VL-7B-Instruct"), 1024, 768, 2)).toEqual({
      count: 2,
      width: 1024,
      height: 768,
      imageTiles: 1,
      tilePatches: 74 * 54,
      tilePixels: 1036 * 756,
      patches: 2 * 74 * 54,
      features: 2 * 37 * 27,
      tokens: 2 * 37 * 27,
      crossPositions: 0,
    });
  });

  it("in Llama 3.2 Vision: four tiles that the decoder attends to, whatever the size", () => {
    const model = caseModel("mllama-11b.json");
    for (const [width, height] of [
      [10, 10],
      [5000, 200],
    ] as const)
      expect(seen(model, width, height, 3)).toMatchObject({
        tokens: 0,
        // 560 / 14 patches a side and a class token; padded to a multiple of 8 in the encoder.
        crossPositions: 3 * 4 * 1601,
        patches: 3 * 4 * 1608,
      });
  });

  it("in Gemma 3n: 256 tokens of a square", () => {
    expect(seen(modelOf("google/gemma-3n-E4B-it"), 50, 900)).toMatchObject({
      tokens: 256,
      tilePixels: 768 ** 2,
    });
  });
});

const SEEING = catalogIds().filter((id) => modelOf(id).vision);
const side = fc.integer({ min: 1, max: 65_535 });

describe.each(SEEING)("any image in %s", (id) => {
  it("has whole lengths that grow with the number of images alone", () => {
    const model = modelOf(id);
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 100 }), (width, height, count) => {
        let one: ImageLengths;
        try {
          one = seen(model, width, height);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          return;
        }
        const many = seen(model, width, height, count);
        for (const key of ["patches", "features", "tokens", "crossPositions"] as const) {
          expect(Number.isSafeInteger(one[key])).toBe(true);
          expect(many[key]).toBe(count * one[key]);
        }
        expect(one.tokens + one.crossPositions).toBeGreaterThan(0);
        expect(one.patches).toBeGreaterThan(0);
        expect(one.features).toBeLessThanOrEqual(one.tokens);
      }),
    );
  });
});

describe("images in a workload", () => {
  const QWEN = "Qwen/Qwen2-VL-7B-Instruct";
  const asked = { images: 2, imageSize: { width: 1024, height: 768 } };

  it("count in the prompt and the context", () => {
    const { workload } = calculateMemory(QWEN, { ...asked, promptTokens: 64, maxNewTokens: 100 });
    expect(workload).toMatchObject({
      imageTokens: 1998,
      promptTokens: 1998 + 64,
      contextTokens: 1998 + 64 + 100,
      images: { count: 2, tokens: 1998 },
    });
  });

  it("come on top of the usual context", () => {
    expect(calculateMemory(QWEN, asked).workload.contextTokens).toBe(2048 + 1998);
  });

  it("are none unless asked for", () => {
    const none = calculateMemory(QWEN, {});
    expect(none.workload).toMatchObject({ images: null, imageTokens: 0 });
    expect(calculateMemory(QWEN, { images: 0 })).toEqual(none);
  });

  it("are remembered, and each takes memory", () => {
    const total = (images: number) =>
      calculateMemory(QWEN, { ...asked, images, maxModelLen: 20_000 }).totalMemoryBytes;
    expect(total(1)).toBeLessThan(total(2));
    expect(total(2)).toBeLessThan(total(20));
  });

  it("say what was taken for granted", () => {
    expect(calculateMemory(QWEN, { images: 1 }).assumptions.join(" ")).toMatch(
      /published preprocessor_config\.json.*1024×768 pixels\. --image-size/,
    );
  });

  it.each([
    [{ images: 1.5 }, "--images is 1.5, but must be a whole number from 1 to 65,536."],
    [{ images: -1 }, "--images is -1, but"],
    [{ images: Number.NaN }, "--images is NaN, but"],
    [{ images: 1e9 }, "--images is 1000000000, but"],
    [{ imageSize: { width: 10, height: 10 } }, "add --images 1"],
    [{ images: 1, imageSize: { width: 0, height: 10 } }, "--image-size is 0x10, but must be"],
    [{ images: 1, imageSize: { width: 1e9, height: 10 } }, "--image-size is 1000000000x10, but"],
    [{ images: 1, imageSize: { width: Number.NaN, height: 1 } }, "--image-size is NaNx1, but"],
    [{ images: 1, imageSize: "10x10" as unknown as ImageSize }, '--image-size is "10x10", but'],
    [{ images: 1, imageSize: { width: 9000, height: 10 } }, "more than 200 times as long"],
    [
      { images: 9, imageSize: { width: 999, height: 999 }, maxModelLen: 100 },
      "more than the context of 100",
    ],
  ])("%j are refused in one sentence", (options, sentence) => {
    const { message } = refusal(() => calculateMemory(QWEN, options));
    expect(message).toContain(sentence);
    expect(message).not.toContain("\n");
  });

  it.each(["axb", "", "10", "10x", "0x10", "10x-1", "1e9x10", "70000x10", "10x10x10"])(
    "%j is no size",
    (text) => {
      expect(refusal(() => parseImageSize(text)).message).toMatch(
        /^--image-size is ".*", but must/,
      );
    },
  );

  it("are refused by models that do not see", () => {
    expect(refusal(() => calculateMemory("openai/whisper-tiny", { images: 1 })).message).toContain(
      "does not take images",
    );
    expect(
      refusal(() => calculateMemory(QWEN, { images: 1, without: ["vision_encoder"] })).message,
    ).toContain("--images was given, but");
  });
});

describe("the largest image, which vLLM profiles", () => {
  it.each([
    ["Qwen/Qwen2-VL-7B-Instruct", 16_384],
    ["Qwen/Qwen3-VL-8B-Instruct", 16_384],
    ["google/gemma-3-4b-it", 256],
    ["google/gemma-4-E2B-it", 280],
    ["llava-hf/llava-1.5-7b-hf", 576],
    // 16 tiles and the whole, three tokens around them and a separator after each.
    ["meta-llama/Llama-4-Scout-17B-16E-Instruct", 17 * 144 + 3 + 16],
  ])("of %s has %i tokens", (id, tokens) => {
    const { vision } = modelOf(id);
    expect(vision && largestImage(vision).tokens).toBe(tokens);
  });

  it.each(SEEING)("of %s is no smaller than any other", (id) => {
    const model = modelOf(id);
    const largest = model.vision && largestImage(model.vision);
    fc.assert(
      fc.property(side, side, (width, height) => {
        try {
          const { tokens, crossPositions } = seen(model, width, height);
          expect(tokens + crossPositions).toBeLessThanOrEqual(
            (largest?.tokens ?? 0) + (largest?.crossPositions ?? 0),
          );
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  it("raises what the profile run of a model that sees takes", () => {
    const { serving } = calculateMemory("Qwen/Qwen2-VL-7B-Instruct", { engine: "vllm" });
    // 65,536 patches × (5,120 + 8 × 1,280) × 2 B: a batch of 8,192 tokens holds one such image.
    expect(serving?.peakActivationBytes).toBe(65_536 * 15_360 * 2);
  });
});
