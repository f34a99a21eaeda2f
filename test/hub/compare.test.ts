import {
  catalogConfig,
  catalogIds,
  compareCheckpoint,
  describe as describeModel,
  type StoredTensor,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { tensorsOf } from "./writers.ts";

const stored = (id: string, rename?: (name: string) => string): StoredTensor[] => {
  const { root } = describeModel(catalogConfig(id), { resolve: catalogConfig });
  return Object.entries(tensorsOf(root, "BF16", rename)).map(([name, [dtype, shape]]) => ({
    name,
    dtype,
    shape,
    bytes: 0,
  }));
};

describe("every tree agrees with a checkpoint of its own names", () => {
  it.each(catalogIds())("%s", (id) => {
    const { root } = describeModel(catalogConfig(id), { resolve: catalogConfig });
    const tensors = stored(id);
    expect(compareCheckpoint(root, tensors)).toEqual({
      tensors: tensors.length,
      verified: tensors.length,
      quantised: 0,
      shapes: [],
      missing: [],
      unexpected: [],
    });
  });
});

it("a checkpoint of another size does not pass for this one", () => {
  const { root } = describeModel(catalogConfig("openai/whisper-tiny"));
  const { verified, shapes, unexpected } = compareCheckpoint(root, stored("openai/whisper-base"));
  expect(shapes.length).toBeGreaterThan(100);
  expect(unexpected.length).toBeGreaterThan(0);
  expect(verified).toBeLessThan(5);
});

it("the encoder does not pass for the decoder", () => {
  const { root } = describeModel(catalogConfig("openai/whisper-tiny"));
  const tensors = stored("openai/whisper-tiny").filter(({ name }) => name.includes("encoder."));
  const { verified, missing, unexpected } = compareCheckpoint(root, tensors);
  expect(verified).toBe(tensors.length);
  expect(unexpected).toEqual([]);
  expect(missing.every((name) => name.includes("decoder."))).toBe(true);
});
