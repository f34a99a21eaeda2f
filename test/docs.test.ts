import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { documents, filled } from "../scripts/console-blocks.ts";

describe("console blocks are what the program prints (npm run docs fills them in)", () => {
  it.each(documents())("%s", (path) => {
    const text = readFileSync(path, "utf8");
    expect(filled(text)).toBe(text);
  });
});
