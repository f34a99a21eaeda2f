import {
  audioLengths,
  calculateTotalMemory,
  describe as describeModel,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

describe("Qwen2.5-Omni", () => {
  const model = describeModel({ model_type: "qwen2_5_omni" });
  const { audio } = model;
  if (!audio) throw new Error("no audio");

  // ((frames - 1) // 2 + 1 - 2) // 2 + 1 with frames = ceil(samples / 160): `_get_feat_extract_output_lengths`.
  it.each([
    [1, 25],
    [10, 250],
    [30, 750],
    [31, 775],
    [95, 2375],
    [400, 7500],
  ])("makes of %d s %d tokens", (seconds, tokens) => {
    expect(audioLengths(audio, seconds).tokens).toBe(tokens);
  });

  it("keeps the vocoder in fp32 and the talker apart", () => {
    const report = calculateTotalMemory({ model_type: "qwen2_5_omni" }, { precision: "bf16" });
    const weights = (component: string) =>
      report.ledger.lines
        .filter((line) => line.component === component && line.kind === "weights")
        .reduce((sum, line) => sum + Number(line.bytes), 0);
    expect(weights("code2wav")).toBe(449_051_264 * 4);
    expect(weights("talker")).toBeGreaterThan(0);
  });
});
