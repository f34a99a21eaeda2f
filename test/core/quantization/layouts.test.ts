import { describe, expect, it } from "vitest";
import { namedQuantization, QUANTIZATIONS } from "../../../src/core/quantization/named.ts";
import { readQuantization } from "../../../src/core/quantization/read.ts";
import type { Scheme } from "../../../src/core/quantization/scheme.ts";
import { storedBytes, storedTensors } from "../../../src/core/quantization/stored.ts";
import type { Module } from "../../../src/core/tree/module.ts";

/** Three layers of one matrix 512 × 256 with a bias and a norm, a head of 1024 × 256 and its table. */
const N = 512;
const K = 256;
const LAYERS = 3;
const HEAD = 1024 * K;
const leaf = (name: string, kind: "linear" | "head" | "norm", shape: number[]): Module => ({
  class: "Linear",
  name,
  tensors: [{ name: "weight", shape, cut: { dim: 0, units: shape[0] ?? 1 } }],
  op: kind === "head" ? { kind, vocab: 1024, positions: "last" } : { kind, width: K },
  children: [],
});
const layer: Module = {
  class: "Layer",
  name: "model.layers",
  indices: [[0, LAYERS - 1]],
  component: "text_model",
  tensors: [],
  children: [
    {
      ...leaf("proj", "linear", [N, K]),
      tensors: [
        { name: "weight", shape: [N, K], cut: { dim: 1, units: K } },
        { name: "bias", shape: [N] },
      ],
    },
    leaf("norm", "norm", [K]),
  ],
};
const tree: Module = {
  class: "Model",
  name: "",
  tensors: [],
  children: [
    {
      class: "Embedding",
      name: "model.embed_tokens",
      component: "embeddings",
      tensors: [{ name: "weight", shape: [1024, K] }],
      op: { kind: "embedding", width: K },
      children: [],
    },
    layer,
    { ...leaf("lm_head", "head", [1024, K]), component: "lm_head" },
  ],
};
/** What no scheme but GGUF touches, in 16 bits. */
const REST = 2 * (2 * HEAD + LAYERS * (N + K));

const bytes = (quantization: Scheme | undefined, tensorParallel = 1, root = tree): number =>
  storedBytes(
    storedTensors(root, {
      ...(quantization && { quantization }),
      precision: "bf16",
      compute: "bf16",
      tensorParallel,
    }),
  );

describe("bytes of one matrix of 512 × 256", () => {
  it.each([
    ["fp8", N * K + 4],
    ["fp8-channel", N * K + 4 * N],
    ["fp8-block", N * K + 4 * (4 * 2)],
    ["int8", N * K + 4 * N],
    ["w8a8", N * K + 4 * N],
    ["awq", (N * K) / 2 + 2 * N * 2 + (2 * N) / 2],
    ["awq-g64", (N * K) / 2 + 4 * N * 2 + (4 * N) / 2],
    ["gptq", (N * K) / 2 + 2 * N * 2 + (2 * N) / 2 + 4 * K],
    ["gptq-2bit", (N * K) / 4 + 2 * N * 2 + (2 * N) / 4 + 4 * K],
    ["gptq-3bit-g32", (N * K * 3) / 8 + 8 * N * 2 + (8 * N * 3) / 8 + 4 * K],
    ["gptq-int8", N * K + 2 * N * 2 + 2 * N + 4 * K],
    ["gptq-4bit-g128-actorder", (N * K) / 2 + 2 * N * 2 + (2 * N) / 2 + 4 * K],
    ["nf4", (N * K) / 2 + (N * K) / 16 + 64],
    ["fp4", (N * K) / 2 + (N * K) / 16 + 64],
    ["nf4-double", (N * K) / 2 + (N * K) / 64 + ((N * K) / 16_384) * 4 + 4 + 64],
    ["mxfp4", (N * K) / 2 + (N * K) / 32],
    ["mxfp8", N * K + (N * K) / 32],
    ["nvfp4", (N * K) / 2 + (N * K) / 16 + 4],
    ["torchao-int4", (N * K) / 2 + 2 * N * 4],
    ["torchao-int8", N * K + 2 * N],
    ["torchao-fp8", N * K + 4 * N],
    ["hqq", (N * K) / 2 + ((N * K) / 64) * 4],
    ["hqq-8bit", N * K + ((N * K) / 64) * 4],
    ["hqq-3bit", Math.ceil((N * K) / 64 / 10) * 64 * 4 + ((N * K) / 64) * 4],
  ])("%s", (name, size) => {
    expect(bytes(namedQuantization(name))).toBe(LAYERS * size + REST);
  });

  it.each([
    ["Q2_K", 84],
    ["Q3_K", 110],
    ["Q4_K", 144],
    ["Q5_K", 176],
    ["Q6_K", 210],
    ["IQ1_S", 50],
    ["IQ2_XXS", 66],
    ["IQ3_S", 110],
    ["IQ4_XS", 136],
  ])("GGUF %s: %d bytes for 256 weights, tables and head too, vectors in fp32", (type, size) => {
    const uniform = namedQuantization(type);
    if (uniform.basis !== "exact") return;
    const blocks = (LAYERS * N * K + 2 * HEAD) / 256;
    expect(bytes(uniform)).toBe(blocks * size + 4 * LAYERS * (N + K));
  });

  it("without a scheme everything is in the model's dtype", () => {
    expect(bytes(undefined)).toBe(2 * LAYERS * N * K + REST);
  });

  it("a tensor keeps the dtype that the reference gives it", () => {
    const wide = { ...layer, tensors: [{ name: "table", shape: [8], dtype: "fp32" as const }] };
    const root = { ...tree, children: [wide] };
    expect(bytes(undefined, 1, root)).toBe(LAYERS * (2 * (N * K + N + K) + 4 * 8));
  });
});

describe("ranks", () => {
  it("share the inputs and the groups along them; per-row scales are on each", () => {
    // Row-parallel: 128 of 256 inputs; the head is cut, table, biases and norms are whole.
    const rest = 2 * (HEAD + HEAD / 2 + LAYERS * N) + 2 * LAYERS * (K / 2);
    expect(bytes(namedQuantization("awq"), 2)).toBe(LAYERS * ((N * K) / 4 + N * 2 + N / 2) + rest);
    expect(bytes(namedQuantization("int8"), 2)).toBe(LAYERS * ((N * K) / 2 + 4 * N) + rest);
    // Act-order scatters the groups: each rank keeps all scales.
    expect(bytes(namedQuantization("gptq-4bit-g128-actorder"), 2)).toBe(
      LAYERS * ((N * K) / 4 + 2 * N * 2 + (2 * N) / 2 + 2 * K) + rest,
    );
  });
});

it("a serving engine leaves a tower of the reference as it is", () => {
  const tower = {
    ...layer,
    op: { kind: "tower", side: "encoder", width: K, servedWhole: true },
  } as const satisfies Module;
  const held = (serves: boolean) =>
    storedTensors(
      tower,
      {
        quantization: namedQuantization("nf4"),
        precision: "bf16",
        compute: "bf16",
        tensorParallel: 1,
      },
      serves,
    ).some(({ quantised }) => quantised);
  expect(held(false)).toBe(true);
  expect(held(true)).toBe(false);
});

describe("experts", () => {
  const experts: Module = {
    class: "Block",
    name: "mlp",
    component: "text_model",
    tensors: [],
    op: { kind: "experts", width: 128, inner: 64, experts: 4, perToken: 2 },
    children: [
      {
        class: "Experts",
        name: "experts",
        tensors: [
          { name: "gate_up_proj", shape: [4, 128, 128], cut: { dim: 1, units: 64 } },
          { name: "down_proj", shape: [4, 128, 64], cut: { dim: 2, units: 64 } },
        ],
        children: [],
      },
      { ...leaf("gate", "linear", [4, 128]), class: "Linear" },
    ],
  };
  it("are quantised one by one, gate and up with a scale each; the router is not", () => {
    const count = 4 * (128 * 128 + 128 * 64);
    const router = 2 * 4 * 128;
    expect(bytes(namedQuantization("fp8"), 1, experts)).toBe(count + 4 * 4 * 3 + router);
    expect(bytes(namedQuantization("mxfp4"), 1, experts)).toBe(count / 2 + count / 32 + router);
  });
});

describe("a config's quantisation", () => {
  const read = (config: object) => {
    const { quantization } = readQuantization({ quantization_config: config });
    if (!quantization) throw new Error("not read");
    return quantization;
  };
  const packed = {
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    config_groups: {
      group_0: {
        targets: ["Linear"],
        weights: { num_bits: 4, type: "int", strategy: "group", group_size: 128, symmetric: true },
      },
    },
    ignore: ["lm_head"],
  };
  const layerBytes = (config: object) => (bytes(read(config)) - REST) / LAYERS;

  it.each([
    [{ quant_method: "fp8", weight_block_size: [128, 128] }, N * K + 32],
    [{ quant_method: "fp8", activation_scheme: "static" }, N * K + 8],
    [{ quant_method: "awq", bits: 4, group_size: 64 }, (N * K) / 2 + 4 * N * 2 + 2 * N],
    [{ quant_method: "gptq", bits: 4, group_size: -1 }, (N * K) / 2 + 2 * N + N / 2 + 4 * K],
    [{ load_in_8bit: true }, N * K + 4 * N],
    [{ quant_method: "bitsandbytes", load_in_4bit: true }, (N * K) / 2 + (N * K) / 16 + 64],
    [packed, (N * K) / 2 + 2 * N * 2 + 16],
    [{ quant_method: "modelopt", quant_algo: "NVFP4" }, (N * K) / 2 + (N * K) / 16 + 8],
    [
      {
        quant_method: "torchao",
        quant_type: { default: { _type: "Int4WeightOnlyConfig", _data: { group_size: 64 } } },
      },
      (N * K) / 2 + 4 * N * 4,
    ],
    [
      { quant_method: "hqq", quant_config: { weight_quant_params: { nbits: 2, group_size: 32 } } },
      (N * K) / 4 + ((N * K) / 32) * 4,
    ],
  ])("%j", (config, size) => {
    expect(layerBytes(config)).toBe(size);
  });

  it.each([
    [["model.layers.1.proj"], 1],
    [["proj"], 3],
    [["model.layers.1", "model.layers.2"], 2],
    [["model.layers.10.proj", "layers.1.pro", "model.layers.1.proj.bias"], 0],
    [["re:.*layers\\.[02]\\..*"], 2],
    [["re:.*proj$"], 3],
    [["model.layers.*.proj"], 3],
  ])("ignore %j leaves %d of three layers", (ignore, kept) => {
    const ignored = { ...packed, ignore: ["lm_head", ...ignore] };
    const one = (N * K) / 2 + 2 * N * 2 + 16;
    expect(bytes(read(ignored))).toBe(REST + (LAYERS - kept) * one + kept * 2 * N * K);
  });

  it("quantises the head where the format says so", () => {
    const head = HEAD / 2 + (2 * 1024 * 2.5 + 4 * K);
    const config = { quant_method: "gptq", bits: 4, group_size: 128, lm_head: true };
    const without = bytes(read({ ...config, lm_head: false }));
    expect(bytes(read(config))).toBe(without - 2 * HEAD + head);
  });

  it("passes over what is not known, and names it", () => {
    expect(readQuantization({ quantization_config: { quant_method: "constructor" } })).toEqual({
      unreadQuantization: 'quantization_config ("constructor")',
    });
    expect(readQuantization({})).toEqual({});
  });

  it("refuses a pattern that could run for hours", () => {
    for (const bad of ["re:(a+)+$", "re:(", `re:${"x*".repeat(20)}`])
      expect(() => read({ ...packed, ignore: [bad] })).toThrow(/pattern/);
  });
});

it("every name makes a scheme that never takes more than 16 bits and its scales", () => {
  expect(QUANTIZATIONS.length).toBeGreaterThan(45);
  for (const name of QUANTIZATIONS) {
    const scheme = namedQuantization(name);
    expect(scheme.name).toMatch(/\S/);
    for (const ranks of [1, 2, 8]) {
      const slack = 4 * LAYERS * (2 * N + K);
      expect(bytes(scheme, ranks), name).toBeLessThanOrEqual(bytes(undefined, ranks) + slack);
    }
  }
  expect(() => namedQuantization("awg")).toThrow(/nearest: awq/);
});
