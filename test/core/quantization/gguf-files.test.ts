import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compared, errorTable } from "../../measurements/gguf-files.ts";

/** A file's tokenizer and names: llama.cpp's largest vocabularies (256,000 entries with scores and merges) take 10 MB. */
const BESIDE_TENSORS = 12e6;

describe("llama.cpp's mixtures against published files", () => {
  it("has files of dense, tied, fused and expert models", () => {
    expect(compared.length).toBeGreaterThan(100);
    expect(new Set(compared.map(({ model }) => model)).size).toBeGreaterThanOrEqual(10);
  });

  const now = compared.filter(({ apart }) => apart === undefined);
  it.each(now)("$model $mix", ({ beside, whole, rounding }) => {
    expect(beside).toBeGreaterThanOrEqual(-rounding);
    expect(beside).toBeLessThanOrEqual(rounding + (whole ? BESIDE_TENSORS : 0));
  });

  // What older rules made, or no importance matrix: the docs name these, and how far off they are.
  const older = compared.filter(({ apart }) => apart !== undefined);
  it.each(older)("$model $mix, made by other rules", ({ mix, error }) => {
    expect(Math.abs(error)).toBeLessThan(mix === "Q2_K" ? 0.14 : 0.015);
  });
});

it("docs/quantization.md prints the error of the rule", () => {
  const docs = readFileSync(new URL("../../../docs/quantization.md", import.meta.url), "utf8");
  expect(docs).toContain(errorTable());
});
