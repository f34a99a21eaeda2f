import { readdirSync, readFileSync } from "node:fs";
import {
  catalogConfig,
  countParameters,
  describe as describeModel,
  tensorTable,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { bufferBytes, named, pairs, type Truth, truthBytes } from "./truth.ts";

/** Made-up configs that change what published ones leave alone, and what the reference builds from them. */
interface Variant {
  readonly config: unknown;
  readonly truth: Truth;
}

const FOLDER = new URL("../fixtures/variants/", import.meta.url);
const files = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));

describe.each(files)("%s", (file) => {
  const { config, truth } = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Variant;
  const model = describeModel(config, { resolve: catalogConfig });

  it("has exactly the reference's parameters and tensors", () => {
    const { total, components } = countParameters(model.root);
    const { tensors, tied } = tensorTable(model.root);
    expect(named(tensors)).toEqual(named(truth.tensors));
    expect(pairs(tied)).toEqual(pairs(truth.tied));
    expect(total).toBe(truth.total);
    expect(Object.values(components).reduce((a, b) => a + b, 0)).toBe(total);
  });

  it("has exactly the reference's buffers", () => {
    expect(bufferBytes(model)).toContainEqual(truthBytes(truth));
  });
});
