import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  calculateMemory,
  catalogConfig,
  describe as describeModel,
  type EstimateOptions,
  estimate,
  fitOn,
  type MemoryReport,
  parseGpus,
} from "llm-memory-calculator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPath } from "../../src/hub/open.ts";
import { gguf, safetensors, type Tensors, tensorsOf } from "./writers.ts";

const llama = catalogConfig("meta-llama/Llama-3.2-1B") as Record<string, unknown>;
const { root } = describeModel(llama);
const plain = tensorsOf(root, "BF16");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stored-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The tree's tensors with every matrix of a layer stored in another way. */
function packed(
  how: (module: string, rows: number, columns: number) => Tensors,
  which = /layers\.\d+\..*_proj\.weight$/,
): Tensors {
  const all: Record<string, Tensors[string]> = {};
  for (const [name, entry] of Object.entries(plain)) {
    if (!which.test(name)) all[name] = entry;
    else
      Object.assign(
        all,
        how(name.replace(/\.weight$/, ""), entry[1][0] ?? 0, entry[1].at(-1) ?? 0),
      );
  }
  return all;
}

async function opened(quantization: object | undefined, tensors: Tensors) {
  const config = { ...llama, ...(quantization && { quantization_config: quantization }) };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "model.safetensors"), safetensors(tensors).bytes);
  const { model, checkpoint } = await openPath(folder, { offline: true });
  if (!model || !checkpoint) throw new Error("not described");
  return { model, checkpoint };
}
async function reportOf(
  quantization: object | undefined,
  tensors: Tensors,
  options: EstimateOptions = {},
) {
  const { model, checkpoint } = await opened(quantization, tensors);
  return estimate(model, { checkpoint, ...options });
}

const weights = ({ ledger }: MemoryReport): number =>
  ledger.lines
    .filter(({ kind, component }) => kind === "weights" && component !== "runtime")
    .reduce((sum, { bytes }) => sum + bytes, 0);

const awq = (module: string, rows: number, columns: number): Tensors => ({
  [`${module}.qweight`]: ["I32", [columns, rows / 8]],
  [`${module}.qzeros`]: ["I32", [columns / 128, rows / 8]],
  [`${module}.scales`]: ["F16", [columns / 128, rows]],
});
const AWQ = { quant_method: "awq", bits: 4, group_size: 128, zero_point: true };

describe("a quantised safetensors checkpoint", () => {
  it.each([
    ["AWQ", AWQ, awq],
    [
      "GPTQ",
      { quant_method: "gptq", bits: 4, group_size: 128, desc_act: true },
      (module: string, rows: number, columns: number): Tensors => ({
        [`${module}.qweight`]: ["I32", [columns / 8, rows]],
        [`${module}.qzeros`]: ["I32", [columns / 128, rows / 8]],
        [`${module}.scales`]: ["F16", [columns / 128, rows]],
        [`${module}.g_idx`]: ["I32", [columns]],
      }),
    ],
    [
      "fp8 in blocks",
      { quant_method: "fp8", weight_block_size: [128, 128] },
      (module: string, rows: number, columns: number): Tensors => ({
        [`${module}.weight`]: ["F8_E4M3", [rows, columns]],
        [`${module}.weight_scale_inv`]: ["F32", [Math.ceil(rows / 128), Math.ceil(columns / 128)]],
      }),
    ],
  ])("%s: bytes of the header, and the rule's", async (_name, config, how) => {
    const report = await reportOf(config, packed(how));
    expect(weights(report)).toBe(report.checkpoint?.bytes);
    const line = report.ledger.lines.find(({ component }) => component === "text_model");
    expect(line).toMatchObject({ basis: "exact" });
    expect(line?.source).toContain(`header of ${folder}`);
    // The header confirms the rule: nothing to say.
    expect(report.assumptions.join()).not.toContain("than the rule");
    const ruled = calculateMemory({ ...llama, quantization_config: config });
    expect(weights(report)).toBe(weights(ruled));
    expect(report.quantization).toMatchObject({
      stated: true,
      quantizedParameters: ruled.quantization?.quantizedParameters,
    });
  });

  it("shows its summands", async () => {
    const { ledger } = await reportOf(AWQ, packed(awq));
    const { formula } = ledger.lines.find(({ component }) => component === "text_model") ?? {};
    expect(formula).toMatch(
      /qweight × 4 B I32 \+ [\d,]+ qzeros × 4 B I32 \+ [\d,]+ scales × 2 B F16/,
    );
  });

  it("bitsandbytes, nested: less the description that the host reads, and an offset beside", async () => {
    const json = 96;
    let layers = 0;
    const tensors = packed((module, rows, columns) => {
      layers += 1;
      const blocks = (rows * columns) / 64;
      return {
        [`${module}.weight`]: ["U8", [(rows * columns) / 2, 1]],
        [`${module}.weight.absmax`]: ["U8", [blocks]],
        [`${module}.weight.quant_map`]: ["F32", [16]],
        [`${module}.weight.nested_absmax`]: ["F32", [blocks / 256]],
        [`${module}.weight.nested_quant_map`]: ["F32", [256]],
        [`${module}.weight.quant_state.bitsandbytes__nf4`]: ["U8", [json]],
      };
    });
    const report = await reportOf(
      {
        quant_method: "bitsandbytes",
        load_in_4bit: true,
        bnb_4bit_quant_type: "nf4",
        bnb_4bit_use_double_quant: true,
      },
      tensors,
    );
    expect(weights(report)).toBe((report.checkpoint?.bytes ?? 0) - layers * (json - 4));
    // Each layer's code book of the nested scales, which quantising while loading shares.
    expect(report.assumptions.join()).toContain(
      `${(layers * 1024).toLocaleString("en-US")} bytes more of weights than the rule`,
    );
  });

  it("with layers that its config does not leave out is counted as it is", async () => {
    const tensors = packed(awq, /layers\.(?!3\.)\d+\..*_proj\.weight$/);
    const report = await reportOf(AWQ, tensors);
    expect(weights(report)).toBe(report.checkpoint?.bytes);
    expect(report.assumptions.join()).toMatch(/header gives [\d,]+ bytes more of weights/);
  });

  it("by a method that is not known here is exact with its header, and said without", async () => {
    const report = await reportOf({ quant_method: "quark" }, packed(awq));
    expect(weights(report)).toBe(report.checkpoint?.bytes);
    expect(report.quantization?.scheme).toContain("quark");
    const without = calculateMemory({ ...llama, quantization_config: { quant_method: "quark" } });
    expect(without.assumptions.join()).toContain("not a quantisation that is known");
    expect(report.assumptions.join()).not.toContain("not a quantisation that is known");
  });

  it("is only counted so where the user asks for nothing else", async () => {
    const { model } = await opened(AWQ, packed(awq));
    expect(weights(estimate(model, { precision: "fp16" }))).toBe(
      2 * estimate(model).parameterCount,
    );
    const nf4 = weights(estimate(model, { quantization: "nf4" }));
    expect(nf4).toBe(weights(calculateMemory(llama, { quantization: "nf4" })));
  });

  it("is divided among ranks", async () => {
    const { model } = await opened(AWQ, packed(awq));
    const report = estimate(model, { tensorParallelSize: 2, engine: "vllm" });
    const ruled = calculateMemory(
      { ...llama, quantization_config: AWQ },
      { tensorParallelSize: 2, engine: "vllm" },
    );
    expect(weights(report)).toBe(weights(ruled));
  });

  it("is what every answer counts", async () => {
    const { model, checkpoint } = await opened({ quant_method: "quark" }, packed(awq));
    const total = estimate(model, { checkpoint }).totalMemoryBytes;
    expect(fitOn(model, {}, parseGpus("l4")).needBytes).toBe(total);
  });
});

it("a checkpoint that is not quantised, and one whose config says nothing of it, follow the dtype", async () => {
  const fp8 = packed((module, rows, columns) => ({
    [`${module}.weight`]: ["F8_E4M3", [rows, columns]],
  }));
  for (const tensors of [plain, fp8]) {
    const report = await reportOf(undefined, tensors);
    expect(weights(report)).toBe(2 * report.parameterCount);
  }
});

describe("a GGUF file", () => {
  const TYPES = { F32: 0, Q4_K: 12, Q6_K: 14 } as const;
  const file = (): Buffer => {
    const tensors: Record<string, readonly [number, readonly number[]]> = {
      "token_embd.weight": [TYPES.Q6_K, [128256, 2048]],
      "output_norm.weight": [TYPES.F32, [2048]],
    };
    for (let layer = 0; layer < 16; layer++) {
      const add = (name: string, type: number, ...shape: number[]) => {
        tensors[`blk.${layer}.${name}.weight`] = [type, shape];
      };
      add("attn_norm", TYPES.F32, 2048);
      add("ffn_norm", TYPES.F32, 2048);
      add("attn_q", TYPES.Q4_K, 2048, 2048);
      add("attn_k", TYPES.Q4_K, 512, 2048);
      add("attn_v", layer % 2 ? TYPES.Q6_K : TYPES.Q4_K, 512, 2048);
      add("attn_output", TYPES.Q4_K, 2048, 2048);
      add("ffn_gate", TYPES.Q4_K, 8192, 2048);
      add("ffn_up", TYPES.Q4_K, 8192, 2048);
      add("ffn_down", layer < 5 ? TYPES.Q6_K : TYPES.Q4_K, 2048, 8192);
    }
    return gguf(
      {
        "general.architecture": "llama",
        "llama.embedding_length": 2048,
        "llama.block_count": 16,
        "llama.feed_forward_length": 8192,
        "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": 8,
        "llama.context_length": 131072,
      },
      tensors,
    );
  };
  const open = async () => {
    writeFileSync(join(folder, "m.gguf"), file());
    const found = await openPath(join(folder, "m.gguf"), { offline: true });
    if (!found.model || !found.checkpoint) throw new Error("not described");
    return { ...found, model: found.model, checkpoint: found.checkpoint };
  };
  const norms = 33 * 2048;

  it("is held as it is by a runtime that computes on the file", async () => {
    const { model, checkpoint } = await open();
    const report = estimate(model, { checkpoint, engine: "generic" });
    const bytes = checkpoint.tensors.reduce((sum, one) => sum + one.bytes, 0);
    expect(weights(report)).toBe(bytes);
    expect(report.ledger.lines[0]).toMatchObject({ basis: "exact" });
    expect(report.quantization?.scheme).toMatch(/^GGUF Q4_K, Q6_K, F32, as stored/);
  });

  it("keeps its blocks in vLLM, with numbers in the model's dtype", async () => {
    const { model, checkpoint } = await open();
    const bytes = checkpoint.tensors.reduce((sum, one) => sum + one.bytes, 0);
    expect(weights(estimate(model, { engine: "vllm" }))).toBe(bytes - 2 * norms);
  });

  it("is unpacked into fp32 by transformers, unless told otherwise", async () => {
    const { model, checkpoint, comparable } = await open().then((found) => ({
      ...found,
      comparable: "comparable" in found ? (found.comparable ?? []) : [],
    }));
    const report = estimate(model, { checkpoint, comparable });
    expect(weights(report)).toBe(4 * report.parameterCount);
    expect(report.assumptions.join()).toContain("unpacks GGUF into fp32");
    expect(report.checkpoint?.comparison).toMatchObject({ missing: { count: 0 } });
    expect(weights(estimate(model, { precision: "bf16" }))).toBe(2 * report.parameterCount);
    const bytes = checkpoint.tensors.reduce((sum, one) => sum + one.bytes, 0);
    expect(weights(estimate(model, { quantization: "stored" }))).toBe(bytes);
  });

  it("is needed for --quantization stored", () => {
    expect(() => calculateMemory(llama, { quantization: "stored" })).toThrow(/neither the config/);
  });
});

it("vLLM serves an fp32 checkpoint in 16 bits, and says so", () => {
  const config = { ...llama, torch_dtype: "float32" };
  const report = calculateMemory(config, { engine: "vllm" });
  expect(report.precision).toBe("bf16");
  expect(report.assumptions.join()).toContain("vllm serves in bf16");
  expect(calculateMemory(config, { engine: "vllm", precision: "fp32" }).precision).toBe("fp32");
});

it("T5 in fp16 keeps wo in fp32, and in bf16 does not", () => {
  const t5 = catalogConfig("google-t5/t5-small");
  const of = (precision: string) => calculateMemory(t5, { precision });
  // d_model 512, d_ff 2048, 6 layers on either side.
  expect(weights(of("fp16")) - weights(of("bf16"))).toBe(2 * 12 * 512 * 2048);
});
