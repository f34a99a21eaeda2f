import { audioLengths, countParameters, describe as describeModel } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const SIZES = {
  hidden_size: 256,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  intermediate_size: 512,
};
const of = (more: object) => describeModel({ model_type: "minicpmo", ...SIZES, ...more });

describe("MiniCPM-o", () => {
  // (ceil(samples / 160) - 1) // 2 + 1, then (n - step) // step + 1; slices of 30 s: the processor's own rule.
  it.each([
    ["2.6", 1, 25],
    ["2.6", 10, 250],
    ["2.6", 30, 750],
    ["2.6", 31, 775],
    ["2.6", 95, 2375],
    ["4.5", 30, 300],
  ])("%s makes of %d s %d tokens", (version, seconds, tokens) => {
    const { audio } = of({ version });
    expect(audio && audioLengths(audio, seconds).tokens).toBe(tokens);
  });

  it("drops the last image layer unless told not to, and whole parts on request", () => {
    const components = (more: object) => countParameters(of(more).root).components;
    const all = components({ drop_vision_last_layer: false }).vision_encoder ?? 0;
    expect(all - (components({}).vision_encoder ?? 0)).toBe(
      4 * 1152 + 4 * (1152 * 1152 + 1152) + 2 * 1152 * 4304 + 4304 + 1152,
    );
    expect(components({ init_vision: false, init_audio: false })).not.toHaveProperty(
      "vision_encoder",
    );
  });
});
