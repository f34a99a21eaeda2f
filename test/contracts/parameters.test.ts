import { readdirSync, readFileSync } from "node:fs";
import {
  catalogConfig,
  countParameters,
  describe as describeModel,
  tensorTable,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { bufferBytes, named, pairs, type Truth, truthBytes } from "./truth.ts";

/** What the reference builds from published configs, by equality: totals, components, every name and shape. */
interface Published extends Truth {
  readonly id: string;
  readonly components: Readonly<Record<string, number>>;
  /** Composed by hand from a module tree: names and buffers are not a library's, totals and components are compared. */
  readonly names_differ?: boolean;
}

const FOLDER = new URL("../fixtures/parameters/", import.meta.url);
const truths = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".json"))
  .map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Published);

describe.each(truths)("$id", (truth) => {
  const model = describeModel(catalogConfig(truth.id), { resolve: catalogConfig });

  it("has exactly the reference's parameters", () => {
    const { total, components } = countParameters(model.root);
    expect(components).toEqual(truth.components);
    expect(total).toBe(truth.total);
    expect(Object.values(components).reduce((a, b) => a + b, 0)).toBe(total);
  });

  it.skipIf(truth.names_differ)("has exactly the reference's tensors", () => {
    const { tensors, tied } = tensorTable(model.root);
    expect(named(tensors)).toEqual(named(truth.tensors));
    expect(pairs(tied)).toEqual(pairs(truth.tied));
  });

  it.skipIf(truth.names_differ)("has exactly the reference's buffers", () => {
    expect(bufferBytes(model)).toContainEqual(truthBytes(truth));
  });
});

it("has fixtures to compare with", () => {
  expect(truths.length).toBeGreaterThan(90);
});
