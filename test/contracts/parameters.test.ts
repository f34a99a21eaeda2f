import { readdirSync, readFileSync } from "node:fs";
import {
  bytesOf,
  catalogConfig,
  countParameters,
  type Dtype,
  describe as describeModel,
  deviceBuffers,
  findDtype,
  tensorTable,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

/** What the reference implementation builds (validation/parameters.py), by equality: totals, components, every name and shape. */
interface Truth {
  readonly id: string;
  readonly total: number;
  readonly components: Readonly<Record<string, number>>;
  readonly tied: readonly (readonly [string, string])[];
  readonly persistent_buffer_bytes: number;
  readonly nonpersistent_buffer_bytes: number;
  /** The names are those of a hand-made composition: only shapes' totals can be compared. */
  readonly names_differ?: boolean;
  readonly tensors: readonly (readonly [string, readonly number[]])[];
}

const FOLDER = new URL("../fixtures/parameters/", import.meta.url);
const truths = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".json"))
  .map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Truth);

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

const named = (rows: Truth["tensors"]): Record<string, string> =>
  Object.fromEntries(
    rows.flatMap(([name, shape]) => expand(name).map((full) => [full, shape.join("×")])),
  );
const pairs = (rows: Truth["tied"]): string[] =>
  rows
    .flatMap(([name, owner]) => {
      const owners = expand(owner);
      return expand(name).map((full, i) => `${full} = ${owners[i] ?? owners[0]}`);
    })
    .sort();

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
    const bytes = (persistent: boolean, own: Dtype) =>
      deviceBuffers(model.root)
        .filter((buffer) => buffer.persistent === persistent)
        .reduce((sum, { elements, dtype }) => sum + elements * bytesOf(findDtype(dtype) ?? own), 0);
    const said = (own: Dtype) => ({ persistent: bytes(true, own), computed: bytes(false, own) });
    // On the meta device the reference builds its own modules in fp32, but models inside it in the stated dtype (CSM).
    expect([said("fp32"), said(model.dtype ?? "fp32")]).toContainEqual({
      persistent: truth.persistent_buffer_bytes,
      computed: truth.nonpersistent_buffer_bytes,
    });
  });
});

it("has fixtures to compare with", () => {
  expect(truths.length).toBeGreaterThan(20);
});
