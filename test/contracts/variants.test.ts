import { readdirSync, readFileSync } from "node:fs";
import {
  bytesOf,
  catalogConfig,
  countParameters,
  describe as describeModel,
  deviceBuffers,
  findDtype,
  tensorTable,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

/** Made-up configs, each with what the reference builds from it: every structural field of a family at another value. */
interface Variant {
  readonly config: unknown;
  readonly truth: {
    readonly total: number;
    readonly tied: readonly (readonly [string, string])[];
    readonly persistent_buffer_bytes: number;
    readonly nonpersistent_buffer_bytes: number;
    readonly tensors: readonly (readonly [string, readonly number[]])[];
  };
}

const FOLDER = new URL("../fixtures/variants/", import.meta.url);
const files = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));

/** Every name that a pattern such as `layers.{0-2,5}.weight` stands for. */
function expand(pattern: string): string[] {
  const hit = /\{([\d,-]+)\}/.exec(pattern);
  if (!hit) return [pattern];
  const indices = (hit[1] ?? "").split(",").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return indices.flatMap((index) => expand(pattern.replace(hit[0], String(index))));
}

const named = (rows: Variant["truth"]["tensors"]): Record<string, string> =>
  Object.fromEntries(
    rows.flatMap(([name, shape]) => expand(name).map((full) => [full, shape.join("×")])),
  );
const pairs = (rows: Variant["truth"]["tied"]): string[] =>
  rows
    .flatMap(([name, owner]) => {
      const owners = expand(owner);
      return expand(name).map((full, i) => `${full} = ${owners[i] ?? owners[0]}`);
    })
    .sort();

describe.each(files)("%s", (file) => {
  const { config, truth } = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Variant;
  const model = describeModel(config, { resolve: catalogConfig });

  it("has exactly the reference's tensors", () => {
    const { total, components } = countParameters(model.root);
    const { tensors, tied } = tensorTable(model.root);
    expect(named(tensors)).toEqual(named(truth.tensors));
    expect(pairs(tied)).toEqual(pairs(truth.tied));
    expect(total).toBe(truth.total);
    expect(Object.values(components).reduce((a, b) => a + b, 0)).toBe(total);
  });

  it("has exactly the reference's buffers", () => {
    const bytes = (persistent: boolean) =>
      deviceBuffers(model.root)
        .filter((buffer) => buffer.persistent === persistent)
        .reduce(
          (sum, { elements, dtype }) => sum + elements * bytesOf(findDtype(dtype) ?? "fp32"),
          0,
        );
    expect({ persistent: bytes(true), computed: bytes(false) }).toEqual({
      persistent: truth.persistent_buffer_bytes,
      computed: truth.nonpersistent_buffer_bytes,
    });
  });
});
