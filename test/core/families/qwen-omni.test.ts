import { audioLengths, describe as describeModel, type Module } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const audioOf = (config: unknown) => {
  const { audio } = describeModel(config);
  if (!audio) throw new Error("no audio");
  return audio;
};

describe("Qwen2.5-Omni", () => {
  // ((frames - 1) // 2 + 1 - 2) // 2 + 1 with frames = ceil(samples / 160): `_get_feat_extract_output_lengths`.
  it.each([
    [1, 25],
    [10, 250],
    [30, 750],
    [31, 775],
    [95, 2375],
    [400, 7500],
  ])("makes of %d s %d tokens", (seconds, tokens) => {
    expect(audioLengths(audioOf({ model_type: "qwen2_5_omni" }), seconds).tokens).toBe(tokens);
  });

  it("keeps what turns codes into sound in fp32", () => {
    const { root } = describeModel({ model_type: "qwen2_5_omni" });
    const dtypes = (module: Module): unknown[] => [
      ...module.tensors.map(({ dtype }) => dtype),
      ...module.children.flatMap(dtypes),
    ];
    const last = root.children.find(({ name }) => name === "token2wav");
    expect(new Set(last && dtypes(last))).toEqual(new Set(["fp32"]));
  });
});

const QWEN3 = { model_type: "qwen3_omni_moe", enable_audio_output: false };

describe("Qwen3-Omni", () => {
  // The same function of `models/qwen3_omni_moe`: 13 tokens for every whole second, three halvings for the rest.
  it.each([
    [1, 13],
    [10, 130],
    [30, 390],
    [31, 403],
    [95, 1235],
    [0.5, 7],
    [1.01, 14],
  ])("makes of %d s %d tokens", (seconds, tokens) => {
    expect(audioLengths(audioOf(QWEN3), seconds).tokens).toBe(tokens);
  });
});
