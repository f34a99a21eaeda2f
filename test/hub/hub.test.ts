import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  catalogConfig,
  describe as describeModel,
  estimate,
  InputError,
} from "llm-memory-calculator";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openId } from "../../src/hub/open.ts";
import type { SourceOptions } from "../../src/hub/settings.ts";
import { FakeHub, refuse } from "./fake-hub.ts";
import { gguf, safetensors, type Tensors, tensorsOf } from "./writers.ts";

const TOKEN = "hf_secretsecretsecret";
const ID = "someone/whisper";
const config = catalogConfig("openai/whisper-tiny") as Record<string, unknown>;
const tree = describeModel(config).root;
const weights = safetensors(tensorsOf(tree, "F32"));

let hub: FakeHub;
let scratch: string;
beforeAll(async () => {
  hub = await FakeHub.start();
});
afterAll(() => hub.stop());
beforeEach(() => {
  hub.reset();
  hub.add(ID, { "config.json": config, "model.safetensors": weights });
  scratch = mkdtempSync(join(tmpdir(), "hub-"));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("HF_HOME", join(scratch, "hf"));
  vi.stubEnv("LLM_MEMORY_CALCULATOR_CACHE", join(scratch, "own"));
  for (const name of ["HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"])
    vi.stubEnv(name, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true, force: true });
});

/** The sentence that opening ends in. */
async function refusal(id = ID, options: SourceOptions = {}): Promise<string> {
  try {
    await openId(id, options);
  } catch (error) {
    if (error instanceof InputError) {
      expect(error.message).not.toMatch(/secret|\n/);
      return error.message;
    }
    throw error;
  }
  throw new Error(`${id} was opened`);
}
const files = (): string[] =>
  existsSync(scratch) ? readdirSync(scratch, { recursive: true }).map(String) : [];

describe("a repository", () => {
  it("is described and checked against its header, without a byte of its weights", async () => {
    const { id, model, checkpoint } = await openId(ID);
    if (!model || !checkpoint) throw new Error("not described");
    const report = estimate(model, { id, checkpoint });
    expect(report.checkpoint).toMatchObject({
      source: `${ID}@01234567`,
      tensors: 167,
      bytes: 4 * report.parameterCount,
      stored: [{ dtype: "F32", tensors: 167 }],
      comparison: { verified: 167, quantised: 0, missing: { count: 0 }, unexpected: { count: 0 } },
    });
    const most = hub.asked.map(({ range }) => Number(range?.split("-")[1] ?? 0));
    expect(Math.max(...most)).toBeLessThanOrEqual(128 * 1024);
  });

  it("is read once per commit, and again with refresh", async () => {
    await openId(ID);
    const first = hub.asked.length;
    expect((await openId(ID)).checkpoint?.tensors).toHaveLength(167);
    expect(hub.asked).toHaveLength(first);
    await openId(ID, { refresh: true });
    expect(hub.asked).toHaveLength(2 * first);
    expect(files().filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("comes from the cache when the network is switched off", async () => {
    await openId(ID);
    const asked = hub.asked.length;
    expect((await openId(ID, { offline: true })).model?.family).toBe("whisper");
    expect(hub.asked).toHaveLength(asked);
    expect(await refusal("no/such", { offline: true })).toContain("the network is switched off");
  });

  it("is fetched again where the cache is corrupt", async () => {
    await openId(ID);
    const entries = files().filter((name) => name.endsWith("/config.json.json"));
    expect(entries).toHaveLength(2);
    for (const name of entries) writeFileSync(join(scratch, name), '{"format":1,"fetchedAt":');
    expect((await openId(ID)).model?.family).toBe("whisper");
    for (const name of entries)
      expect(() => JSON.parse(readFileSync(join(scratch, name), "utf8"))).not.toThrow();
  });

  it("is read without a cache where there is no place for one", async () => {
    writeFileSync(join(scratch, "file"), "");
    vi.stubEnv("LLM_MEMORY_CALCULATOR_CACHE", join(scratch, "file"));
    expect((await openId(ID)).model?.family).toBe("whisper");
  });

  it("gets the token, the storage that it redirects to does not", async () => {
    vi.stubEnv("HF_TOKEN", TOKEN);
    await openId(ID);
    expect(hub.asked.some(({ server }) => server === "storage")).toBe(true);
    for (const { server, authorization, path } of hub.asked) {
      expect(authorization).toBe(server === "hub" ? `Bearer ${TOKEN}` : undefined);
      expect(path).not.toContain(TOKEN);
    }
    for (const name of files().filter((file) => file.endsWith(".json")))
      expect(readFileSync(join(scratch, name), "utf8")).not.toContain(TOKEN);
  });

  it("resolves the models that its config refers to", async () => {
    hub.add("someone/ultravox", {
      "config.json": { model_type: "ultravox", audio_model_id: ID, text_model_id: "someone/llama" },
    });
    hub.add("someone/llama", { "config.json": catalogConfig("meta-llama/Llama-3.2-1B") as object });
    expect((await openId("someone/ultravox")).model?.family).toBe("ultravox");
    hub.repositories.delete("someone/llama");
    expect(await refusal("someone/ultravox", { refresh: true })).toMatch(/someone\/llama/);
  });

  it("is an adapter: its base model is described", async () => {
    hub.add("someone/lora", { "adapter_config.json": { base_model_name_or_path: ID } });
    const { model, notes } = await openId("someone/lora");
    expect(model?.family).toBe("whisper");
    expect(notes.join()).toContain("is an adapter of unknown size");
  });

  it("is an adapter with weights: their size is its header's", async () => {
    hub.add("someone/lora", {
      "adapter_config.json": { base_model_name_or_path: ID },
      "adapter_model.safetensors": safetensors({
        "base_model.model.q.lora_A.weight": ["F32", [8, 384]],
        "base_model.model.q.lora_B.weight": ["F32", [384, 8]],
      }),
    });
    const { notes } = await openId("someone/lora");
    expect(notes.join()).toContain("is an adapter of 24,576 bytes in 2 tensors (F32;");
  });

  it.each(["nobody/gone", "../../etc", "/etc"])(
    "is an adapter of %s: the field that cannot be followed is named",
    async (base) => {
      hub.add("someone/lora", { "adapter_config.json": { base_model_name_or_path: base } });
      expect(await refusal("someone/lora")).toMatch(
        /^base_model_name_or_path of someone\/lora@01234567\/adapter_config.json refers to/,
      );
    },
  );

  it("has only params.json: Mistral's format is read", async () => {
    hub.add("someone/mistral", {
      "params.json": {
        dim: 4096,
        n_layers: 32,
        head_dim: 128,
        hidden_dim: 14336,
        n_heads: 32,
        n_kv_heads: 8,
        vocab_size: 32000,
        norm_eps: 1e-5,
      },
    });
    const { model } = await openId("someone/mistral");
    if (!model) throw new Error("not described");
    const published = describeModel(catalogConfig("mistralai/Mistral-7B-v0.1"));
    expect(estimate(model).parameterCount).toBe(estimate(published).parameterCount);
  });

  it("has only params.json, and a checkpoint under Mistral's names: they are compared", async () => {
    const params = {
      dim: 64,
      n_layers: 2,
      head_dim: 16,
      hidden_dim: 128,
      n_heads: 4,
      n_kv_heads: 2,
      vocab_size: 100,
      norm_eps: 1e-5,
    };
    const layer = (at: number): Tensors => ({
      [`layers.${at}.attention.wq.weight`]: ["BF16", [64, 64]],
      [`layers.${at}.attention.wk.weight`]: ["BF16", [32, 64]],
      [`layers.${at}.attention.wv.weight`]: ["BF16", [32, 64]],
      [`layers.${at}.attention.wo.weight`]: ["BF16", [64, 64]],
      [`layers.${at}.feed_forward.w1.weight`]: ["BF16", [128, 64]],
      [`layers.${at}.feed_forward.w2.weight`]: ["BF16", [64, 128]],
      [`layers.${at}.feed_forward.w3.weight`]: ["BF16", [128, 64]],
      [`layers.${at}.attention_norm.weight`]: ["BF16", [64]],
      [`layers.${at}.ffn_norm.weight`]: ["BF16", [64]],
    });
    const tensors: Tensors = {
      "tok_embeddings.weight": ["BF16", [100, 64]],
      "norm.weight": ["BF16", [64]],
      "output.weight": ["BF16", [100, 64]],
      ...layer(0),
      ...layer(1),
    };
    hub.add("someone/mistral", {
      "params.json": params,
      "consolidated.safetensors": safetensors(tensors),
    });
    const opened = await openId("someone/mistral");
    if (!opened.model || !opened.checkpoint) throw new Error("not described");
    const { checkpoint, comparable } = opened;
    const report = estimate(opened.model, { checkpoint, ...(comparable && { comparable }) });
    expect(report.checkpoint?.comparison).toMatchObject({
      verified: 21,
      missing: { count: 0 },
      unexpected: { count: 0 },
    });
    expect(report.checkpoint?.bytes).toBe(2 * report.parameterCount);

    const experts = { ...params, moe: { num_experts: 8, num_experts_per_tok: 2 } };
    hub.add("someone/mixtral", { "params.json": experts });
    expect((await openId("someone/mixtral")).model?.family).toBe("mixtral");

    hub.add("someone/pixtral", {
      "params.json": { ...params, vision_encoder: { hidden_size: 64 } },
      "consolidated.safetensors": safetensors(tensors),
    });
    expect(await openId("someone/pixtral")).toMatchObject({
      model: undefined,
      undescribed: expect.stringContaining("vision_encoder") as string,
    });
  });

  it.each([
    ["canary.nemo", "NeMo archive"],
    ["model-Q4_K_M.gguf", "someone/other/model-Q4_K_M.gguf"],
    ["README.md", "is a repository without a config.json"],
  ])("that only has %s is told so", async (file, sentence) => {
    hub.add("someone/other", { [file]: "x" });
    expect(await refusal("someone/other")).toContain(sentence);
  });

  it("has GGUF files: one is read by its name", async () => {
    const bytes = gguf({ "general.architecture": "clip" }, { "v.weight": [1, [8, 4]] });
    hub.add(ID, { "sub/mmproj.gguf": { bytes, size: 2 ** 33 } });
    const opened = await openId(`${ID}/sub/mmproj.gguf`);
    expect(opened.checkpoint).toMatchObject({ tensors: [{ dtype: "F16", bytes: 64 }] });
    expect(await refusal(`${ID}/other.gguf`)).toMatch(/"other.gguf" is not in/);
  });

  it("of an unknown architecture still has its weights", async () => {
    hub.add(ID, { "config.json": { model_type: "brand_new" }, "model.safetensors": weights });
    const opened = await openId(ID);
    expect(opened.model).toBeUndefined();
    expect(opened.checkpoint?.tensors).toHaveLength(167);
  });

  it("in shards is read shard by shard", async () => {
    const all = Object.entries(tensorsOf(tree, "BF16"));
    const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const half = (at: number) => all.filter((_, index) => index % 2 === at);
    hub.add(ID, {
      "config.json": config,
      "model.safetensors.index.json": {
        weight_map: Object.fromEntries(all.map(([name], index) => [name, names[index % 2]])),
      },
      ...Object.fromEntries(names.map((n, at) => [n, safetensors(Object.fromEntries(half(at)))])),
    });
    const { model, checkpoint, notes } = await openId(ID);
    expect(checkpoint?.tensors).toHaveLength(167);
    expect(
      model && checkpoint && estimate(model, { checkpoint }).checkpoint?.comparison?.verified,
    ).toBe(167);
    expect(notes.join()).toContain("stored as bf16");
  });
});

describe("the Hugging Face cache", () => {
  it("comes before the hub", async () => {
    const { mkdirSync } = await import("node:fs");
    const base = join(scratch, "hf", "hub", "models--someone--whisper");
    mkdirSync(join(base, "snapshots", hub.commit), { recursive: true });
    mkdirSync(join(base, "refs"));
    writeFileSync(join(base, "refs", "main"), hub.commit);
    writeFileSync(join(base, "snapshots", hub.commit, "config.json"), JSON.stringify(config));
    writeFileSync(join(base, "snapshots", hub.commit, "model.safetensors"), weights.bytes);
    const { checkpoint, notes } = await openId(ID);
    expect(checkpoint).toMatchObject({ source: `${ID}@01234567` });
    expect(notes.join()).toContain("shorter than its header says");
    expect(hub.asked).toEqual([]);
    await openId(ID, { refresh: true });
    expect(hub.asked).not.toEqual([]);
  });
});

describe("a hub that refuses", () => {
  it.each([
    [401, "RepoNotFound", "", /has none of that name, or only a private one that needs HF_TOKEN/],
    [401, "", TOKEN, /refuses the token/],
    [401, "GatedRepo", "", /is gated .*set HF_TOKEN/],
    [403, "GatedRepo", TOKEN, /your token has no access .*accept its conditions/],
    [404, "RepoNotFound", TOKEN, /nearest: .*none of that name/],
    [404, "RevisionNotFound", "", /no such revision/],
    [418, "", "", /answered 418/],
  ])("with %i %s is understood", async (status, code, token, sentence) => {
    vi.stubEnv("HF_TOKEN", token);
    hub.fault = (_request, response) => {
      refuse(response, status, code);
      return true;
    };
    expect(await refusal()).toMatch(sentence);
    expect(hub.asked).toHaveLength(1);
    expect(files().filter((name) => name.endsWith(".json"))).toEqual([]);
  });

  it("with a name that it does not have says what is near", async () => {
    expect(await refusal("openai/whisper-tny")).toMatch(/nearest: openai\/whisper-tiny/);
  });

  it("for now (429) is asked again when it says", async () => {
    const times: number[] = [];
    hub.fault = (_request, response, count) => {
      times.push(Date.now());
      if (count > 1) return false;
      response.setHeader("retry-after", "1");
      refuse(response, 429);
      return true;
    };
    await openId(ID);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it("for an hour (429) is not waited for", async () => {
    hub.fault = (_request, response) => {
      response.setHeader("retry-after", "3600");
      refuse(response, 429);
      return true;
    };
    expect(await refusal()).toMatch(/429/);
    expect(hub.asked).toHaveLength(1);
  });

  it("with 503 a few times is asked a few times", async () => {
    hub.fault = (_request, response, count) => {
      if (count > 2) return false;
      refuse(response, 503);
      return true;
    };
    expect((await openId(ID)).model).toBeDefined();
  });

  it("with 500 for good is given up", async () => {
    hub.fault = (_request, response) => {
      refuse(response, 500);
      return true;
    };
    expect(await refusal()).toMatch(/trouble of its own \(500\)/);
    expect(hub.asked).toHaveLength(4);
  });
});

describe("a hub that misbehaves", () => {
  it("and redirects in circles", async () => {
    hub.fault = (request, response) => {
      response.writeHead(302, { location: request.url });
      response.end();
      return true;
    };
    expect(await refusal()).toMatch(/redirects in circles/);
  });

  it.each(["file:///etc/passwd", "ftp://127.0.0.1/x", "http://["])(
    "and redirects to %s",
    async (location) => {
      hub.fault = (_request, response) => {
        response.writeHead(302, { location });
        response.end();
        return true;
      };
      expect(await refusal()).toMatch(/not safe to follow/);
    },
  );

  it("and never answers", async () => {
    hub.fault = () => true;
    const start = Date.now();
    expect(await refusal(ID, { timeout: 0.4 })).toMatch(/within 0.4 s/);
    expect(Date.now() - start).toBeLessThan(2000);
  });

  it("and drips", async () => {
    hub.fault = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const drip = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(drip));
      return true;
    };
    expect(await refusal(ID, { timeout: 0.4 })).toMatch(/within 0.4 s/);
  });

  it("and breaks off in the middle", async () => {
    hub.fault = (_request, response) => {
      response.writeHead(200, { "content-length": 1000, etag: "x" });
      response.write("{");
      setTimeout(() => response.destroy(), 5);
      return true;
    };
    expect(await refusal()).toMatch(/cannot be reached/);
    expect(files().filter((name) => name.endsWith(".json"))).toEqual([]);
  });

  it("and says that config.json has two gigabytes", async () => {
    hub.add(ID, { "config.json": { bytes: Buffer.from("{}"), size: 2 ** 31 } });
    hub.fault = (request, response) => {
      if (request.headers.range) return false;
      response.writeHead(200, { "content-length": 2 ** 31, etag: "x" });
      response.write("{");
      return true;
    };
    expect(await refusal()).toMatch(/larger than/);
  });

  it("and sends without end what has no length", async () => {
    hub.fault = (_request, response) => {
      response.writeHead(200, { etag: "x" });
      const chunk = Buffer.alloc(2 ** 20, 32);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", more);
      more();
      return true;
    };
    expect(await refusal()).toMatch(/larger than/);
  });

  it("and ignores ranges", async () => {
    hub.add(ID, { "config.json": config });
    hub.fault = (request) => {
      delete request.headers.range;
      return false;
    };
    expect((await openId(ID)).model?.family).toBe("whisper");
  });

  it("and answers a range without saying which", async () => {
    hub.fault = (_request, response) => {
      response.writeHead(206);
      response.end("{");
      return true;
    };
    expect(await refusal()).toMatch(/in a way that no hub does/);
  });

  it("and lists nonsense", async () => {
    hub.add(ID, { "README.md": "x" });
    hub.fault = (request, response) => {
      if (!request.url?.startsWith("/api/")) return false;
      response.end("<html>");
      return true;
    };
    expect(await refusal()).toMatch(/in a way that no hub does/);
  });

  it("and sends no JSON", async () => {
    hub.add(ID, { "config.json": "<html>" });
    expect(await refusal()).toMatch(/not valid JSON/);
  });

  it.each([
    [2n ** 62n, /claims \d+ bytes where the format allows/],
    [99_999_999n, /but the file has/],
  ])("and has a header that claims %i bytes", async (length, sentence) => {
    const bytes = Buffer.alloc(64, 32);
    bytes.writeBigUInt64LE(length);
    hub.add(ID, { "config.json": config, "model.safetensors": { bytes } });
    expect(await refusal()).toMatch(sentence);
  });

  it("and names shards outside of the repository", async () => {
    hub.add(ID, {
      "config.json": config,
      "model.safetensors.index.json": { weight_map: { a: "../../other.safetensors" } },
    });
    expect(await refusal()).toMatch(/no file beside it/);
  });

  it("and redirects to where nobody is", async () => {
    hub.fault = (_request, response) => {
      response.writeHead(302, { location: "http://storage.invalid/x" });
      response.end();
      return true;
    };
    expect(await refusal()).toMatch(/storage\.invalid cannot be reached/);
  });

  it("or is not there at all", async () => {
    vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9");
    expect(await refusal()).toMatch(/127\.0\.0\.1:9 cannot be reached/);
  });
});

describe("an id that no hub could have", () => {
  it.each([
    "a/../b",
    "..",
    "a%2fb",
    "-a/b",
    "a/b\nc",
    "a/b/c",
    "a//b",
    "a/-b",
    "a/b.",
    "a--b",
    "é/b",
    "",
  ])("%j is refused before anything is asked", async (id) => {
    expect(await refusal(id)).toMatch(/no hub could have/);
    expect(hub.asked).toEqual([]);
  });

  it.each(["../main", "a b", "-x", ""])("revision %j is refused", async (revision) => {
    expect(await refusal(ID, { revision })).toMatch(/no branch, tag or commit/);
  });
});
