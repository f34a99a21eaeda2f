import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";

/**
 * What the documentation shows must run: every fenced `ts` block of the README, of docs/ and of an `@example` is
 * executed as a module of its own. Where a line ends in `// → text`, its console.log must print that text.
 * A block that is not to be run says so: ```ts no-run.
 */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Example {
  readonly place: string;
  readonly code: string;
}

const BLOCK = /^([ \t]*)```(?:ts|typescript)[ \t]*\n(.*?)^[ \t]*```[ \t]*$/gms;

function blocksOf(text: string, place: (line: number) => string): Example[] {
  return [...text.matchAll(BLOCK)].map((hit) => ({
    place: place(text.slice(0, hit.index).split("\n").length),
    code: (hit[2] ?? "").replaceAll(new RegExp(`^${hit[1] ?? ""}`, "gm"), ""),
  }));
}

/** Comments of a source file without their stars, line by line, so that line numbers stay. */
const commentsOf = (source: string): string =>
  source.replace(/^([ \t]*\*(?!\/) ?)|^(?![ \t]*\*).*$/gm, "");

const filesUnder = (folder: string, ending: RegExp): string[] =>
  existsSync(join(ROOT, folder))
    ? readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
        .filter((path) => ending.test(path))
        .map((path) => join(ROOT, folder, path))
        .sort()
    : [];
const read = (path: string): string => readFileSync(path, "utf8");
const named = (path: string) => (line: number) => `${relative(ROOT, path)}:${line}`;

const README = join(ROOT, "README.md");
const inReadme = existsSync(README) ? blocksOf(read(README), named(README)) : [];
const inDocs = filesUnder("docs", /\.md$/).flatMap((path) => blocksOf(read(path), named(path)));
const inSource = filesUnder("src", /\.ts$/).flatMap((path) =>
  blocksOf(commentsOf(read(path)), named(path)),
);

const scratch = mkdtempSync(join(tmpdir(), "examples-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

let count = 0;
/** Runs a block; returns what it printed, a line per console.log. */
async function execute(code: string): Promise<string[]> {
  const path = join(scratch, `example-${count++}.ts`);
  // Without an import or export it would not be a module.
  writeFileSync(path, `${code}\nexport {};\n`);
  const printed: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
    printed.push(values.map(String).join(" "));
  });
  await import(/* @vite-ignore */ path);
  return printed;
}

/** The texts behind `// →`, in order. */
const promised = (code: string): string[] =>
  [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, text = ""]) => text.trim());

describe("examples in the documentation run", () => {
  it.each([...inReadme, ...inDocs, ...inSource])("$place", async ({ code }) => {
    const printed = await execute(code);
    const texts = promised(code);
    if (texts.length > 0) expect(printed).toEqual(texts);
  });
});

describe("the check itself", () => {
  it("finds the examples of the source, and of the README once there is one", () => {
    expect(inSource.map(({ place }) => place.replace(/:\d+$/, ""))).toContain("src/index.ts");
    expect(inReadme.length > 0).toBe(existsSync(README));
  });

  it("reads blocks in lists and comments, and leaves other languages and no-run alone", () => {
    const text = "- a\n  ```ts\n  const a = 1;\n  ```\n```sh\nls\n```\n```ts no-run\nx\n```\n";
    expect(blocksOf(text, String)).toEqual([{ place: "2", code: "const a = 1;\n" }]);
    const source = "code();\n/**\n * @example\n * ```ts\n * run();\n * ```\n */\n";
    expect(blocksOf(commentsOf(source), String)).toEqual([{ place: "4", code: "run();\n" }]);
  });

  it("fails where an example does, and sees what one prints", async () => {
    await expect(
      execute(
        'import { calculateMemory } from "llm-memory-calculator";\ncalculateMemory("nothing");',
      ),
    ).rejects.toThrow("is not in the catalog");
    await expect(
      execute('import { nothing } from "llm-memory-calculator";\nnothing();'),
    ).rejects.toThrow();
    expect(
      await execute(
        'import { bytesOf } from "llm-memory-calculator/core";\nconsole.log(bytesOf("fp32"));',
      ),
    ).toEqual(["4"]);
  });
});
