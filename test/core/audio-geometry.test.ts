import {
  type AudioGeometry,
  type AudioLengths,
  audioLengths,
  calculateMemory,
  InputError,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { modelOf } from "../models.ts";

const TURBO = "openai/whisper-large-v3-turbo";
const QWEN = "Qwen/Qwen2-Audio-7B-Instruct";
const ULTRAVOX = "fixie-ai/ultravox-v0_5-llama-3_2-1b";

function heard(id: string, seconds: number): AudioLengths {
  const { audio } = modelOf(id);
  if (!audio) throw new Error(`${id} does not hear`);
  return audioLengths(audio, seconds);
}

describe("Whisper", () => {
  it("30 s are 3,000 frames and 1,500 positions; nothing becomes a token", () => {
    expect(heard(TURBO, 30)).toEqual({
      seconds: 30,
      samples: 480_000,
      windows: 1,
      concurrentWindows: 1,
      windowSamples: 480_000,
      windowFrames: 3000,
      windowPositions: 1500,
      frames: 3000,
      positions: 1500,
      tokens: 0,
      cutSeconds: 0,
    });
  });

  it("pads what is shorter to a window", () => {
    expect(heard(TURBO, 1)).toEqual({ ...heard(TURBO, 30), seconds: 1, samples: 16_000 });
  });

  it("takes the windows of a longer recording one after the other", () => {
    expect(heard(TURBO, 95)).toMatchObject({
      windows: 4,
      concurrentWindows: 1,
      positions: 1500,
      frames: 12_000,
      cutSeconds: 0,
    });
  });
});

describe("Qwen2-Audio", () => {
  it.each([
    [10, 250],
    [30, 750],
  ])("%i s become %i tokens", (seconds, tokens) => {
    expect(heard(QWEN, seconds)).toMatchObject({ tokens, windowFrames: 3000, cutSeconds: 0 });
  });

  it("hears 30 s of a minute, and the report says so", () => {
    expect(heard(QWEN, 60)).toMatchObject({ tokens: 750, windows: 1, cutSeconds: 30 });
    const { assumptions } = calculateMemory(QWEN, { audioSeconds: 60 });
    expect(assumptions.join("\n")).toContain("Only the first 30 s are heard");
    const fractions = calculateMemory(QWEN, { audioSeconds: 32.2 }).assumptions;
    expect(fractions.join("\n")).toContain("Only the first 30 s are heard");
    expect(calculateMemory(QWEN, { audioSeconds: 30 }).assumptions.join("\n")).not.toContain(
      "heard",
    );
  });
});

describe("Ultravox", () => {
  it.each([
    [30, 1, 188],
    [45, 2, 188 + 94],
    [60, 2, 2 * 188],
    [15, 1, 94],
  ])("%i s: %i windows, %i tokens", (seconds, windows, tokens) => {
    expect(heard(ULTRAVOX, seconds)).toMatchObject({ windows, concurrentWindows: windows, tokens });
  });

  it("encodes a short recording at its own length", () => {
    expect(heard(ULTRAVOX, 15)).toMatchObject({ windowFrames: 1500, windowPositions: 750 });
  });

  it("stays at whole, non-negative lengths for the shortest sound", () => {
    for (const seconds of [1e-9, 1 / 16_000, 0.009, 0.01, 0.011]) {
      for (const [key, length] of Object.entries(heard(ULTRAVOX, seconds))) {
        expect(length, key).toBeGreaterThanOrEqual(0);
        if (!key.endsWith("econds")) expect(Number.isInteger(length), key).toBe(true);
      }
    }
  });
});

it("every kind of step rounds as it says", () => {
  const through = (encoding: AudioGeometry["encoding"], samples: number) =>
    audioLengths({ sampleRate: 1, bins: 1, framing: [], encoding }, samples).positions;
  expect(through([{ kind: "floor", by: 4 }], 11)).toBe(2);
  expect(through([{ kind: "ceil", by: 4 }], 11)).toBe(3);
  expect(through([{ kind: "scale", by: 2, plus: 1 }], 11)).toBe(23);
  expect(through([{ kind: "fixed", value: 7 }], 11)).toBe(7);
  expect(through([{ kind: "at-most", value: 7 }], 11)).toBe(7);
  expect(through([{ kind: "at-most", value: 70 }], 11)).toBe(11);
  expect(through([{ kind: "conv", kernel: 3, stride: 2, padding: 1 }], 11)).toBe(6);
  expect(through([{ kind: "conv", kernel: 3, stride: 2, dilation: 2 }], 11)).toBe(4);
  expect(through([{ kind: "conv", kernel: 30, stride: 2 }], 11)).toBe(0);
  expect(through([{ kind: "blocks", size: 5, steps: [{ kind: "ceil", by: 4 }] }], 11)).toBe(5);
});

it("padding becomes tokens only where the model says so", () => {
  const tokens = (tokensFromPadding: boolean, padded: boolean, seconds: number) =>
    audioLengths(
      {
        sampleRate: 100,
        bins: 1,
        framing: [],
        encoding: [],
        pooling: [{ kind: "ceil", by: 10 }],
        window: { samples: 1000, padded, tokensFromPadding, longer: "batched" },
      },
      seconds,
    ).tokens;
  expect(tokens(true, true, 2)).toBe(100);
  expect(tokens(false, true, 2)).toBe(20);
  expect(tokens(true, true, 12)).toBe(200);
  expect(tokens(false, false, 12)).toBe(120);
});

describe("encoderSeqLength", () => {
  it("is the encoder's length, and seconds follow from it", () => {
    const { workload } = calculateMemory(TURBO, { encoderSeqLength: 750 });
    expect(workload.audio).toMatchObject({ seconds: 15, windowPositions: 750, windowFrames: 1500 });
  });

  it("the whole table is the same as 30 s", () => {
    for (const id of [TURBO, QWEN, ULTRAVOX]) {
      const positions = calculateMemory(id, { encoderSeqLength: 1500 });
      expect(positions.totalMemoryBytes).toBe(
        calculateMemory(id, { audioSeconds: 30 }).totalMemoryBytes,
      );
    }
  });

  it("scales the cross-attention cache", () => {
    const cross = (encoderSeqLength: number) =>
      calculateMemory(TURBO, { encoderSeqLength }).crossAttentionKvCacheBytes;
    expect(cross(1500)).toBe(30_720_000);
    expect(cross(500)).toBe(10_240_000);
  });
});

describe("what cannot be", () => {
  const refusal = (id: string, options: object) => {
    try {
      calculateMemory(id, options);
    } catch (error) {
      if (error instanceof InputError) return { code: error.code, message: error.message };
      throw error;
    }
    return undefined;
  };

  it.each([
    [{ audioSeconds: 0 }, "out-of-range", "--audio-seconds is 0"],
    [{ audioSeconds: -1 }, "out-of-range", "--audio-seconds is -1"],
    [{ audioSeconds: Number.NaN }, "out-of-range", "--audio-seconds is NaN"],
    [{ audioSeconds: 1e308 }, "out-of-range", "--audio-seconds is 1e+308"],
    [{ audioSeconds: "30" }, "out-of-range", '--audio-seconds is "30"'],
    [
      { encoderSeqLength: 1501 },
      "does-not-fit",
      "--encoder-seq-length is 1,501, more than the 1,500",
    ],
    [{ encoderSeqLength: 1.5 }, "out-of-range", "--encoder-seq-length is 1.5"],
    [{ encoderSeqLength: 0 }, "out-of-range", "--encoder-seq-length is 0"],
    [
      { encoderSeqLength: 1500, audioSeconds: 30 },
      "inconsistent",
      "Both --audio-seconds and --encoder-seq-length were given",
    ],
  ])("%j", (options, code, beginning) => {
    const found = refusal(TURBO, options);
    expect(found?.code).toBe(code);
    expect(found?.message.startsWith(beginning), found?.message).toBe(true);
  });

  it("audio that does not fit the context", () => {
    expect(refusal(ULTRAVOX, { audioSeconds: 30, maxModelLen: 187 })).toEqual({
      code: "does-not-fit",
      message:
        "30 s of audio become 188 tokens, more than the context of 187: raise --max-model-len or shorten the audio.",
    });
    expect(refusal(ULTRAVOX, { audioSeconds: 30, maxModelLen: 188 })).toBeUndefined();
    expect(refusal(ULTRAVOX, { audioSeconds: 12_345.6789 })?.message).toContain(
      "12,345.6789 s of audio",
    );
    expect(refusal(QWEN, { encoderSeqLength: 1500, maxModelLen: 10 })?.message).toMatch(
      /^1,500 encoder positions of audio become 750 tokens/,
    );
  });

  it("audio for a model that does not hear", () => {
    const llama = "meta-llama/Llama-3.1-8B";
    expect(refusal(llama, { audioSeconds: 30 })?.message).toContain("does not take audio");
    expect(refusal(llama, { encoderSeqLength: 30 })?.message).toContain("--encoder-seq-length");
  });

  it("more text than the decoder has positions for", () => {
    expect(refusal(TURBO, { maxModelLen: 449 })?.message).toContain(
      "A context of 449 tokens is more than the 448 positions",
    );
    expect(refusal(TURBO, { promptTokens: 4, maxNewTokens: 445 })?.code).toBe("does-not-fit");
    expect(refusal(TURBO, { promptTokens: 4, maxNewTokens: 444 })).toBeUndefined();
    expect(
      refusal(TURBO, { promptTokens: 100, maxNewTokens: 100, maxModelLen: 199 })?.message,
    ).toContain("add up to 200, more than the context of 199");
  });
});

describe("the decoder's context", () => {
  const context = (id: string, options: object) => {
    const { contextTokens, promptTokens, audioTokens } = calculateMemory(id, options).workload;
    return { contextTokens, promptTokens, audioTokens };
  };
  it("is audio + prompt + new tokens", () => {
    expect(context(ULTRAVOX, { audioSeconds: 30, promptTokens: 100, maxNewTokens: 50 })).toEqual({
      contextTokens: 188 + 100 + 50,
      promptTokens: 188 + 100,
      audioTokens: 188,
    });
  });
  it("or is set whole", () => {
    expect(context(ULTRAVOX, { audioSeconds: 30, promptTokens: 100, maxModelLen: 500 })).toEqual({
      contextTokens: 500,
      promptTokens: 188 + 100,
      audioTokens: 188,
    });
  });
  it("is 448 for Whisper, 2048 for others, less where the model has less", () => {
    expect(context(TURBO, {}).contextTokens).toBe(448);
    expect(context("meta-llama/Llama-3.1-8B", {}).contextTokens).toBe(2048);
    const short = calculateMemory({ model_type: "llama", max_position_embeddings: 512 });
    expect(short.workload.contextTokens).toBe(512);
  });
  it("generation starts from something: a prompt is never empty", () => {
    expect(context("meta-llama/Llama-3.1-8B", { maxNewTokens: 100 })).toEqual({
      contextTokens: 101,
      promptTokens: 1,
      audioTokens: 0,
    });
    expect(() =>
      calculateMemory("meta-llama/Llama-3.1-8B", { maxNewTokens: 100, maxModelLen: 100 }),
    ).toThrow(/add up to 101, more than the context of 100/);
    expect(context(ULTRAVOX, { audioSeconds: 30, maxNewTokens: 50 })).toEqual({
      contextTokens: 188 + 50,
      promptTokens: 188,
      audioTokens: 188,
    });
  });
});
