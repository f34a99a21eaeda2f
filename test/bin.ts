import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

/** The bin as it is installed: bundled, minified, in a process of its own. */
const BIN = fileURLToPath(new URL("../dist/cli.cjs", import.meta.url));
/** The bin's compiled code is kept here, not in the home of whoever runs the tests. */
const CACHE = fileURLToPath(
  new URL("../node_modules/.cache/llm-memory-calculator", import.meta.url),
);
if (!existsSync(BIN)) throw new Error("dist/cli.cjs is not there: run `npm run build` first.");

export function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH ?? "", LANG: "C.UTF-8", LLM_MEMORY_CALCULATOR_CACHE: CACHE },
    timeout: 15_000,
    maxBuffer: 64 * 2 ** 20,
  });
  return { status, stdout, stderr };
}

/** What a run that must succeed prints. */
export function printed(...args: string[]): string {
  const ran = run(...args);
  expect(ran).toMatchObject({ status: 0, stderr: "" });
  return ran.stdout;
}

/** The sentence of a run that must fail: exit 2, nothing on standard output, one line without a stack. */
export function refused(...args: string[]): string {
  const { status, stdout, stderr } = run(...args);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^llm-memory-calculator: [^\n]+\.\n$/);
  expect(stderr).not.toMatch(/ {2}at |undefined|\[object|Error:|\.js:\d/);
  expect(status).toBe(2);
  return stderr.slice("llm-memory-calculator: ".length, -1);
}
