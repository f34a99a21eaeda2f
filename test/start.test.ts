import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const BIN = fileURLToPath(new URL("../dist/cli.cjs", import.meta.url));
if (!existsSync(BIN)) throw new Error("dist/cli.cjs is not there: run `npm run build` first.");

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "start-"));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH ?? "", LLM_MEMORY_CALCULATOR_CACHE: scratch, ...env },
    timeout: 15_000,
  });
  return { status, stdout, stderr };
}
const folder = (): string => join(scratch, "compiled");
const kept = (): readonly string[] => (existsSync(folder()) ? readdirSync(folder()) : []);
const whisper = ["params", "openai/whisper-tiny"];

describe("the bin's compiled code", () => {
  it("is kept by the first run and answers as before in the next", () => {
    const first = run(whisper);
    expect(first).toMatchObject({ status: 0, stderr: "" });
    const [name = ""] = kept();
    expect(kept()).toHaveLength(1);
    expect(name).toMatch(/^[0-9a-f]{16}-v[\d.]+-\w+\.bin$/);
    if (process.platform !== "win32")
      expect(statSync(join(folder(), name)).mode & 0o777).toBe(0o600);
    const before = readFileSync(join(folder(), name));
    expect(run(whisper)).toEqual(first);
    expect(run(["gpus"]).status).toBe(0);
    expect(readFileSync(join(folder(), name)).equals(before)).toBe(true);
  });

  it("is made anew where it is damaged, and what other builds left is cleared away", () => {
    const first = run(whisper);
    const [name = ""] = kept();
    writeFileSync(join(folder(), "0000000000000000-v1-x64.bin"), "old");
    for (const damage of ["", "nonsense", "\0".repeat(1000)]) {
      writeFileSync(join(folder(), name), damage);
      expect(run(whisper)).toEqual(first);
      expect(statSync(join(folder(), name)).size).toBeGreaterThan(10_000);
    }
    expect(kept()).toEqual([name]);
  });

  it.skipIf(process.platform === "win32")("is not taken from a file that others can write", () => {
    const first = run(whisper);
    const [name = ""] = kept();
    chmodSync(join(folder(), name), 0o666);
    expect(run(whisper)).toEqual(first);
    // It was written again, by this user for himself.
    expect(statSync(join(folder(), name)).mode & 0o777).toBe(0o600);
  });

  it("is not kept where it is switched off, where a run fails, and where there is no place for it", () => {
    expect(run(whisper, { NODE_DISABLE_COMPILE_CACHE: "1" }).status).toBe(0);
    expect(run(["params", "no/such/model"]).status).toBe(2);
    expect(kept()).toEqual([]);
    writeFileSync(join(scratch, "file"), "");
    const nowhere = run(whisper, { LLM_MEMORY_CALCULATOR_CACHE: join(scratch, "file") });
    expect(nowhere).toMatchObject({ status: 0, stderr: "" });
  });
});
