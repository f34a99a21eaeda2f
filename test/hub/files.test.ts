import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  calculateMemory,
  catalogConfig,
  describe as describeModel,
  estimate,
  InputError,
  type Module,
} from "llm-memory-calculator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPath } from "../../src/hub/open.ts";
import { gguf, safetensors, tensorsOf } from "./writers.ts";

const turbo = catalogConfig("openai/whisper-large-v3-turbo") as Record<string, unknown>;
const llama = catalogConfig("meta-llama/Llama-3.2-1B") as Record<string, unknown>;

let folder: string;
const at = (name: string): string => join(folder, name);
const write = (name: string, content: object | string | Buffer): void =>
  writeFileSync(
    at(name),
    Buffer.isBuffer(content) || typeof content === "string" ? content : JSON.stringify(content),
  );
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function checked(path: string) {
  const { model, checkpoint, ...rest } = await openPath(path, { offline: true });
  if (!model || !checkpoint) throw new Error("not described or without a checkpoint");
  const comparable = "comparable" in rest ? rest.comparable : undefined;
  return estimate(model, { checkpoint, ...(comparable && { comparable }) });
}
async function refusal(path: string): Promise<string> {
  try {
    await openPath(path, { offline: true });
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error(`${path} was opened`);
}

describe("a folder in transformers' layout", () => {
  it("with a sparse safetensors file is verified tensor by tensor", async () => {
    const { bytes, size } = safetensors(tensorsOf(describeModel(turbo).root, "F16"));
    write("config.json", turbo);
    write("model.safetensors", bytes);
    truncateSync(at("model.safetensors"), size);
    const { checkpoint, parameterCount } = await checked(folder);
    expect(checkpoint).toMatchObject({
      tensors: 587,
      bytes: 2 * parameterCount,
      comparison: { verified: 587, missing: { count: 0 }, unexpected: { count: 0 } },
    });
    expect((await checked(at("model.safetensors"))).checkpoint?.comparison?.verified).toBe(587);
  });

  it("shows what differs", async () => {
    const all = { ...tensorsOf(describeModel(turbo).root, "F16") };
    delete all["model.encoder.layers.3.fc1.weight"];
    all["model.encoder.layers.4.fc1.bias"] = ["F16", [77]];
    all["model.extra.weight"] = ["F16", [2, 2]];
    write("config.json", turbo);
    write("model.safetensors", safetensors(all).bytes);
    expect((await checked(folder)).checkpoint?.comparison).toEqual({
      verified: 585,
      quantised: 0,
      shapes: {
        count: 1,
        first: [{ name: "model.encoder.layers.4.fc1.bias", expected: [5120], found: [77] }],
      },
      missing: { count: 1, first: ["model.encoder.layers.3.fc1.weight"] },
      unexpected: { count: 1, first: ["model.extra.weight"] },
    });
  });

  it("without a config, or in another word, is still counted by its header", async () => {
    write("model.safetensors", safetensors({ a: ["F8_E4M3", [10, 10]], b: ["F32", [5]] }).bytes);
    const opened = await openPath(at("model.safetensors"));
    expect(opened.model).toBeUndefined();
    expect(opened.checkpoint?.tensors.map(({ bytes }) => bytes)).toEqual([100, 20]);
    expect((await openPath(folder)).model).toBeUndefined();
  });

  it("takes the checkpoint's dtype where the config states none", async () => {
    const { torch_dtype: _, dtype: __, ...silent } = turbo;
    write("config.json", silent);
    write("model.safetensors", safetensors(tensorsOf(describeModel(turbo).root, "BF16")).bytes);
    expect((await checked(folder)).precision).toBe("bf16");
  });

  it.each([
    ["too short", Buffer.alloc(4)],
    [
      "cut off in its header",
      Buffer.concat([safetensors({ a: ["F32", [4]] }).bytes.subarray(0, 20)]),
    ],
    ["no JSON", Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from("{x}}")])],
  ])("with a safetensors file that is %s is refused", async (_what, bytes) => {
    write("config.json", turbo);
    write("model.safetensors", bytes);
    expect(await refusal(folder)).toMatch(/model\.safetensors.*download it again/);
  });

  it.each([
    { a: { dtype: "F32", shape: [2], data_offsets: [0, 7] } },
    { a: { dtype: "F32", shape: [-2], data_offsets: [0, 8] } },
    { a: { dtype: "F32", shape: [2 ** 40, 2 ** 40], data_offsets: [0, 8] } },
    { a: { dtype: "F32", shape: [2], data_offsets: [8, 0] } },
    { a: null },
    [],
  ])("with the header %j is refused", async (header) => {
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    write("model.safetensors", Buffer.concat([length, text]));
    expect(await refusal(at("model.safetensors"))).toMatch(/no valid safetensors file/);
  });
});

describe("names that checkpoints and transformers spell differently", () => {
  const verified = async (root: Module, config: object, rename: (name: string) => string) => {
    write("config.json", config);
    write("model.safetensors", safetensors(tensorsOf(root, "BF16", rename)).bytes);
    const { tensors, comparison } = (await checked(folder)).checkpoint ?? {};
    expect(comparison).toMatchObject({ missing: { count: 0 }, unexpected: { count: 0 } });
    expect(comparison?.verified).toBe(tensors);
  };

  it("a base model lacks the prefix", () =>
    verified(describeModel(turbo).root, turbo, (name) => name.replace(/^model\./, "")));

  it("a composite's containers moved in transformers 5", () => {
    const config = catalogConfig("Qwen/Qwen2-Audio-7B-Instruct");
    return verified(describeModel(config).root, config as object, (name) =>
      name.replace(/^model\.language_model\./, "language_model.model.").replace(/^model\./, ""),
    );
  });

  it("experts lie one by one", async () => {
    const config = {
      model_type: "qwen3_moe",
      num_hidden_layers: 2,
      hidden_size: 64,
      moe_intermediate_size: 32,
      num_experts: 4,
      vocab_size: 128,
    };
    const { root } = describeModel(config);
    const single: Record<string, readonly [string, readonly number[]]> = {};
    for (const [name, [dtype, shape]] of Object.entries(tensorsOf(root, "BF16"))) {
      const [, stem, fused] = /^(.*\.experts)\.(gate_up_proj|down_proj)$/.exec(name) ?? [];
      if (stem === undefined) single[name] = [dtype, shape];
      for (let expert = 0; stem !== undefined && expert < 4; expert++) {
        for (const part of fused === "down_proj" ? ["down_proj"] : ["gate_proj", "up_proj"])
          single[`${stem}.${expert}.${part}.weight`] = [
            dtype,
            part === "down_proj" ? [64, 32] : [32, 64],
          ];
      }
    }
    write("config.json", config);
    write("model.safetensors", safetensors(single).bytes);
    const { checkpoint } = await checked(folder);
    expect(checkpoint?.comparison).toMatchObject({
      missing: { count: 0 },
      unexpected: { count: 0 },
    });
    expect(checkpoint?.comparison?.verified).toBe(Object.keys(single).length);
  });

  it("quantised experts have their scales beside them", async () => {
    const config = { model_type: "qwen3_moe", num_hidden_layers: 1, num_experts: 2 };
    const scaled: Record<string, readonly [string, readonly number[]]> = {};
    for (const [name, [dtype, shape]] of Object.entries(
      tensorsOf(describeModel(config).root, "BF16"),
    )) {
      const [, stem, fused] = /^(.*\.experts)\.(gate_up_proj|down_proj)$/.exec(name) ?? [];
      if (stem === undefined) scaled[name] = [dtype, shape];
      const [, outer = 0, inner = 0] = shape;
      for (const expert of stem === undefined ? [] : [0, 1]) {
        for (const part of fused === "down_proj" ? ["down_proj"] : ["gate_proj", "up_proj"]) {
          const rows = part === "down_proj" ? outer : outer / 2;
          scaled[`${stem}.${expert}.${part}.weight`] = ["F8_E4M3", [rows, inner]];
          scaled[`${stem}.${expert}.${part}.weight_scale_inv`] = ["F32", [rows / 128, inner / 128]];
        }
      }
    }
    write("config.json", config);
    write("model.safetensors", safetensors(scaled).bytes);
    const { checkpoint } = await checked(folder);
    expect(checkpoint?.comparison).toMatchObject({
      quantised: 6,
      verified: Object.keys(scaled).length - 6,
      missing: { count: 0 },
      unexpected: { count: 0 },
    });
  });

  it("quantised weights stand in the place of the tree's", async () => {
    const stored: Record<string, readonly [string, readonly number[]]> = {};
    for (const [name, [dtype, shape]] of Object.entries(
      tensorsOf(describeModel(llama).root, "BF16"),
    )) {
      const [rows = 1, columns = 1] = shape;
      if (!/_proj\.weight$/.test(name)) stored[name] = [dtype, shape];
      else {
        const stem = name.replace(/weight$/, "");
        stored[`${stem}qweight`] = ["I32", [columns / 8, rows]];
        stored[`${stem}scales`] = ["F16", [columns / 128, rows]];
        stored[`${stem}qzeros`] = ["I32", [columns / 128, rows / 8]];
      }
    }
    write("config.json", llama);
    write("model.safetensors", safetensors(stored).bytes);
    const { checkpoint } = await checked(folder);
    expect(checkpoint?.comparison).toMatchObject({
      quantised: 16 * 7 * 3,
      verified: 34,
      shapes: { count: 0 },
      missing: { count: 0 },
      unexpected: { count: 0 },
    });
  });
});

describe("a GGUF file", () => {
  const metadata = {
    "general.architecture": "llama",
    "llama.block_count": 1,
    "llama.embedding_length": 256,
    "llama.feed_forward_length": 512,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.context_length": 1024,
  };
  const Q4_K = 12;
  const tensors = {
    "token_embd.weight": [Q4_K, [1000, 256]],
    "output_norm.weight": [0, [256]],
    "blk.0.attn_norm.weight": [0, [256]],
    "blk.0.ffn_norm.weight": [0, [256]],
    "blk.0.attn_q.weight": [Q4_K, [256, 256]],
    "blk.0.attn_k.weight": [Q4_K, [128, 256]],
    "blk.0.attn_v.weight": [14, [128, 256]],
    "blk.0.attn_output.weight": [Q4_K, [256, 256]],
    "blk.0.ffn_gate.weight": [Q4_K, [512, 256]],
    "blk.0.ffn_up.weight": [Q4_K, [512, 256]],
    "blk.0.ffn_down.weight": [14, [256, 512]],
  } as const;

  it("of a language model is described, verified and exact on disk", async () => {
    write("model.gguf", gguf(metadata, tensors));
    const { checkpoint, parameterCount } = await checked(at("model.gguf"));
    expect(checkpoint?.comparison).toMatchObject({
      verified: 11,
      quantised: 0,
      shapes: { count: 0 },
      missing: { count: 0 },
      unexpected: { count: 0 },
    });
    const q6 = ((128 * 256 + 256 * 512) / 256) * 210;
    const q4 = ((parameterCount - 128 * 256 - 256 * 512 - 3 * 256) / 256) * 144;
    expect(checkpoint?.bytes).toBe(q4 + q6 + 3 * 256 * 4);
  });

  it("of another kind (mmproj) has its weights", async () => {
    write(
      "mmproj.gguf",
      gguf({ "general.architecture": "clip" }, { "v.patch_embd.weight": [1, [8, 3, 2, 2]] }),
    );
    const opened = await openPath(at("mmproj.gguf"));
    expect(opened).toMatchObject({
      model: undefined,
      checkpoint: { tensors: [{ dtype: "F16", bytes: 192 }] },
    });
  });

  it.each([
    ["no GGUF", Buffer.from("not a gguf file at all, really")],
    ["cut off", gguf(metadata, tensors).subarray(0, 700)],
    ["of absurd sizes", gguf(metadata, { "a.weight": [0, [2 ** 50]] })],
    ["in an unknown type", gguf(metadata, { "a.weight": [99, [2]] })],
  ])("that is %s is refused", async (_what, bytes) => {
    write("model.gguf", bytes);
    expect(await refusal(at("model.gguf"))).toMatch(/model\.gguf .*\.$/);
  });
});

it("a report without a checkpoint has null in its place", () => {
  expect(calculateMemory("openai/whisper-tiny").checkpoint).toBeNull();
});
