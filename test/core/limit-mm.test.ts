import { calculateMemory, InputError } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { towersOf } from "../../src/core/engines/transformers/tower.ts";
import { audioProfile } from "../../src/core/engines/vllm/encoder-profile.ts";
import { parseModalityLimits } from "../../src/core/limit-mm.ts";
import { settleSetup } from "../../src/core/setup.ts";
import { modelOf } from "../models.ts";

const served = (id: string, limitMmPerPrompt?: string | Record<string, unknown>) =>
  calculateMemory(id, {
    engine: "vllm",
    maxModelLen: 8192,
    maxNumSeqs: 4,
    ...(limitMmPerPrompt !== undefined && { limitMmPerPrompt }),
  });

describe("--limit-mm-per-prompt", () => {
  it("reads vLLM's forms", () => {
    const limits = { audio: { count: 1 }, image: { count: 0 } };
    expect(parseModalityLimits("audio=1,image=0")).toEqual(limits);
    expect(parseModalityLimits('{"audio": 1, "image": 0}')).toEqual(limits);
    expect(parseModalityLimits({ audio: 1, image: { count: 0 } })).toEqual(limits);
    expect(parseModalityLimits({ audio: { length: 16_000 } })).toEqual({
      audio: { count: 1, length: 16_000 },
    });
  });

  it("leaves out what no prompt may have, and nothing else", () => {
    for (const [id, limit, gone] of [
      ["Qwen/Qwen2-Audio-7B-Instruct", "audio=0", ["audio_encoder", "audio_projector"]],
      ["Qwen/Qwen2.5-VL-7B-Instruct", "image=0,video=0", ["vision_encoder", "vision_projector"]],
    ] as const) {
      const [all, some] = [calculateMemory(id, { engine: "vllm" }), served(id, limit)].map(
        ({ ledger }) =>
          ledger.lines.filter(
            ({ kind, component }) => kind === "weights" && component !== "runtime",
          ),
      );
      const kept = all?.filter(({ component }) => !gone.some((name) => name === component));
      expect(kept?.length).toBeLessThan(all?.length ?? 0);
      expect(some?.map(({ component, bytes }) => [component, bytes])).toEqual(
        kept?.map(({ component, bytes }) => [component, bytes]),
      );
    }
    const seeing = served("Qwen/Qwen2.5-Omni-7B", { image: 0 });
    expect(seeing.assumptions.join()).toMatch(/videos may still come/);
    expect(seeing.weightMemoryBytes).toBe(served("Qwen/Qwen2.5-Omni-7B").weightMemoryBytes);
  });

  it("bounds the items that the encoder is measured with", () => {
    const model = modelOf("Qwen/Qwen2-Audio-7B-Instruct");
    const [encoder] = towersOf(model.root);
    if (!encoder) throw new Error("no encoder");
    const items = (maxNumSeqs: number, limitMmPerPrompt?: string): number => {
      const setup = settleSetup(model, limitMmPerPrompt === undefined ? {} : { limitMmPerPrompt });
      const sizes = { maxNumBatchedTokens: 16_384, maxNumSeqs, maxModelLen: 8192, whole: false };
      const { peak } = audioProfile(model, encoder, 4096, sizes, setup);
      // An item of 30 s: 1,500 positions of the feed-forward and eight hidden states, 2 B each.
      return peak / (1500 * (5120 + 8 * 1280) * 2);
    };
    expect(items(256)).toBe(Math.floor(16_384 / 750));
    expect(items(2, "audio=1")).toBe(2);
    expect(items(2, "audio=3")).toBe(6);
    // As many as the context holds, however many are allowed.
    expect(items(1, "audio=999")).toBe(Math.floor(8192 / 750));
    expect(items(1, '{"audio": {"count": 1, "length": 160000}}')).toBe(1);
  });

  it.each([
    ["audio", /but must be like/],
    ["audio=-1", /has -1 for audio/],
    ["audio=1.5", /has 1.5 for audio/],
    ["sound=1", /"sound", which is no modality/],
    ['{"audio":', /but must be like/],
    [{ audio: { count: 1, length: 0.5 } }, /0.5 for audio.length/],
    [{ audio: null }, /null for audio/],
  ])("refuses %j in one sentence", (limit, message) => {
    expect(() => served("Qwen/Qwen2-Audio-7B-Instruct", limit)).toThrow(InputError);
    expect(() => served("Qwen/Qwen2-Audio-7B-Instruct", limit)).toThrow(message);
  });

  it("is for servers", () => {
    expect(() => calculateMemory("openai/whisper-tiny", { limitMmPerPrompt: "audio=1" })).toThrow(
      /for servers/,
    );
  });
});
