import { readdirSync, readFileSync } from "node:fs";
import {
  catalogConfig,
  countParameters,
  describe as describeModel,
  tensorTable,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { bufferBytes, named, pairs, type Truth } from "./truth.ts";

/** Made-up configs that change what published ones leave alone, and what the reference builds from them. */
interface Variant {
  readonly config: unknown;
  readonly truth: Truth;
}

const FOLDER = new URL("../fixtures/variants/", import.meta.url);
const variants = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".json"))
  .map((file) => ({
    file,
    ...(JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Variant),
  }));

describe.each(variants)("$file", ({ config, truth }) => {
  const { root } = describeModel(config, { resolve: catalogConfig });

  it("has exactly the reference's parameters and tensors", () => {
    const { tensors, tied } = tensorTable(root);
    expect(named(tensors)).toEqual(named(truth.tensors));
    expect(pairs(tied)).toEqual(pairs(truth.tied));
    expect(countParameters(root).total).toBe(truth.total);
  });

  it("has exactly the reference's buffers", () => {
    expect(bufferBytes(root)).toEqual({
      persistent: truth.persistent_buffer_bytes,
      computed: truth.nonpersistent_buffer_bytes,
    });
  });
});
