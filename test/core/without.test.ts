import { calculateMemory, InputError } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const OMNI = "Qwen/Qwen2.5-Omni-7B";

describe("--without", () => {
  it("leaves the thinker of an omni model, which is what vLLM loads", () => {
    const whole = calculateMemory(OMNI, { maxModelLen: 1024 });
    const thinker = calculateMemory(OMNI, {
      maxModelLen: 1024,
      without: ["talker", "code2wav"],
    });
    const parts = (report: typeof whole) =>
      new Set(report.ledger.lines.map((line) => line.component));
    expect(parts(whole)).toContain("talker");
    expect(parts(thinker)).not.toContain("talker");
    expect(parts(thinker)).not.toContain("code2wav");
    expect(thinker.parameterCount).toBeLessThan(whole.parameterCount);
    expect(thinker.assumptions.join(" ")).toContain("talker, code2wav");
  });
  it("refuses a part that is not there", () => {
    expect(() => calculateMemory(OMNI, { without: ["talkr"] })).toThrow(InputError);
    expect(() => calculateMemory(OMNI, { without: ["talkr"] })).toThrow(/nearest: talker/);
  });
});
