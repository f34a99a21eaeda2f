import { execFile } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { catalogConfig, describe as describeModel } from "llm-memory-calculator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeHub, refuse } from "./fake-hub.ts";
import { safetensors, tensorsOf } from "./writers.ts";

const BIN = fileURLToPath(new URL("../../dist/cli.cjs", import.meta.url));
if (!existsSync(BIN)) throw new Error("dist/cli.cjs is not there: run `npm run build` first.");
const schema = JSON.parse(
  readFileSync(new URL("../../schema/memory-report.schema.json", import.meta.url), "utf8"),
) as object;
const valid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

const config = catalogConfig("openai/whisper-tiny") as Record<string, unknown>;
const weights = safetensors(tensorsOf(describeModel(config).root, "F32"));
const scratch = mkdtempSync(join(tmpdir(), "bin-"));
let hub: FakeHub;
beforeAll(async () => {
  hub = await FakeHub.start();
  hub.add("someone/whisper", { "config.json": config, "model.safetensors": weights });
  hub.add("openai/whisper-base", { "config.json": config });
  hub.add("someone/new", {
    "config.json": { model_type: "brand_new" },
    "model.safetensors": weights,
  });
});
afterAll(() => {
  hub.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** The bin in a process of its own; not synchronously, since the hub that it asks runs in this one. */
function run(args: readonly string[], env: Record<string, string> = {}) {
  return new Promise<{ status: number; stdout: string; stderr: string }>((done) => {
    const own = {
      HF_ENDPOINT: hub.endpoint,
      HF_HOME: scratch,
      LLM_MEMORY_CALCULATOR_CACHE: scratch,
    };
    execFile(
      process.execPath,
      [BIN, ...args],
      { env: { PATH: process.env.PATH ?? "", ...own, ...env }, cwd: scratch, timeout: 15_000 },
      (error, stdout, stderr) =>
        done({ status: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
    );
  });
}

describe("the bin", () => {
  it("fetches, describes and verifies", async () => {
    const { status, stdout, stderr } = await run(["someone/whisper"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("checkpoint someone/whisper@01234567 (safetensors): 167 tensors");
    expect(stdout).toContain("verified: 167 of 167 tensors");
    expect((await run(["params", "someone/whisper"])).stdout).toContain("37,760,640");
  });

  it.each(["someone/whisper", "someone/new"])("prints %s as the schema says", async (id) => {
    const { stdout } = await run([id, "--json"]);
    valid(JSON.parse(stdout));
    expect(valid.errors).toBeNull();
  });

  it("says what it cannot know of an unknown architecture", async () => {
    const { stdout, status } = await run(["someone/new", "--explain"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/weights F32 .*144 MiB/);
    expect(stdout).toContain("exact: header of someone/new@01234567");
    expect(stdout).toContain("KV cache and activations follow from the architecture");
    expect((await run(["params", "someone/new", "--tensors"])).stdout).toContain("fc1.weight");
  });

  it.each(["fit", "limits"])(
    "says in %s what is known of it, and why that is no answer",
    async (command) => {
      const { stderr, status } = await run([command, "someone/new", "--gpu", "l4"]);
      expect(status).toBe(2);
      expect(stderr).toMatch(/"brand_new".* its weights take 144 MiB .* caches and activations/);
    },
  );

  it.each([
    ["https://huggingface.co/openai/whisper-tiny", 0],
    ["hf.co/openai/whisper-tiny/tree/main", 0],
    ["https://example.com/openai/whisper-tiny", 2],
    ["C:\\models\\whisper", 2],
    ["C:/models/whisper", 2],
  ])("takes the address of a model's page: %s", async (address, status) => {
    const ran = await run(["params", address]);
    expect(ran.status).toBe(status);
    if (/^C:/.test(address)) expect(ran.stderr).toContain("is no file or folder here");
  });

  it("takes a file's address", async () => {
    const path = join(scratch, "an ü.json");
    writeFileSync(path, JSON.stringify(config));
    expect((await run(["params", pathToFileURL(path).href])).stdout).toContain("37,760,640");
  });

  it("asks the catalog first, and the hub with --refresh or --revision", async () => {
    expect((await run(["params", "openai/whisper-base"])).stdout).toContain("72,593,920");
    expect((await run(["params", "openai/whisper-base", "--refresh"])).stdout).toContain(
      "37,760,640",
    );
    expect((await run(["params", "openai/whisper-base", "--revision", "v2"])).stdout).toContain(
      "37,760,640",
    );
  });

  it("reads a sparse file and its folder", async () => {
    writeFileSync(join(scratch, "config.json"), JSON.stringify(config));
    writeFileSync(join(scratch, "model.safetensors"), weights.bytes);
    truncateSync(join(scratch, "model.safetensors"), weights.size);
    for (const path of [".", "model.safetensors"])
      expect((await run([path])).stdout).toContain("verified: 167 of 167 tensors");
  });

  it("refuses in one sentence and never shows the token", async () => {
    const token = { HF_TOKEN: "hf_secretsecret" };
    hub.fault = (_request, response) => {
      refuse(response, 403, "GatedRepo");
      return true;
    };
    const { status, stdout, stderr } = await run(["someone/gated"], token);
    hub.fault = undefined;
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^llm-memory-calculator: "someone\/gated" is gated [^\n]+\.\n$/);
    expect(stderr).not.toContain("secret");
  });

  it.each([
    [["a/..%2fb"], "no hub could have"],
    [["someone/whisper", "--revision", "../x"], "--revision"],
    [["someone/whisper", "--timeout", "0"], "--timeout is 0"],
    [["nobody/nothing", "--offline"], "the network is switched off"],
  ])("refuses %j", async (args, sentence) => {
    const { status, stderr } = await run(args);
    expect(status).toBe(2);
    expect(stderr).toContain(sentence);
    expect(stderr.trim()).not.toContain("\n");
  });

  it("is done when the time is over, whatever the hub does", async () => {
    hub.fault = () => true;
    const start = Date.now();
    const { status, stderr } = await run(["someone/slow", "--timeout", "0.5"]);
    hub.fault = undefined;
    expect(status).toBe(2);
    expect(stderr).toContain("within 0.5 s");
    expect(Date.now() - start).toBeLessThan(5000);
  });
});
