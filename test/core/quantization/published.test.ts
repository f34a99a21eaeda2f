import { calculateMemory, catalogConfig, type MemoryReport } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const weights = ({ ledger }: MemoryReport): number =>
  ledger.lines
    .filter(({ kind, component }) => kind === "weights" && component !== "runtime")
    .reduce((sum, { bytes }) => sum + bytes, 0);
const configOf = (id: string) => catalogConfig(id) as Record<string, unknown>;

describe("published checkpoints, byte for byte", () => {
  // `metadata.total_size` of model.safetensors.index.json.
  it.each([
    ["openai/gpt-oss-20b", 13_761_264_768],
    ["openai/gpt-oss-120b", 65_248_815_744],
  ])("%s", (id, size) => {
    expect(weights(calculateMemory(id))).toBe(size);
  });

  it("Qwen2.5-7B-Instruct-AWQ: 5.57 GB of file, 5.2032 GiB loaded by vLLM", () => {
    const config = {
      ...configOf("Qwen/Qwen2.5-7B"),
      max_position_embeddings: 32_768,
      quantization_config: {
        bits: 4,
        group_size: 128,
        modules_to_not_convert: null,
        quant_method: "awq",
        version: "gemm",
        zero_point: true,
      },
    };
    expect(weights(calculateMemory(config)) / 1e9).toBeCloseTo(5.57, 2);
    // https://github.com/vllm-project/vllm/issues/13882
    const loaded = calculateMemory(config, { engine: "vllm" }).serving?.modelLoadingBytes ?? 0;
    expect(Math.abs(loaded / 2 ** 30 / 5.2032 - 1)).toBeLessThan(0.002);
  });

  it("Kimi-K2: 62.5M block scales, as many as the published count is higher", () => {
    const report = calculateMemory("moonshotai/Kimi-K2-Instruct");
    const formula = report.ledger.lines.map(({ formula }) => formula).join();
    expect(formula).toContain("62,495,192 scales × 4 B fp32");
  });

  it("GLM-4.5-Air-FP8: routers and head stay in 16 bits, all else has a scale a row", () => {
    const report = calculateMemory("zai-org/GLM-4.5-Air-FP8");
    expect(report.quantization).toMatchObject({ stated: true, otherDtype: "bf16" });
    const { quantizedParameters = 0, otherParameters = 0 } = report.quantization ?? {};
    expect(quantizedParameters + otherParameters).toBe(report.parameterCount);
    const tables = 2 * 151_552 * 4096;
    expect(otherParameters).toBeGreaterThan(tables);
    expect(otherParameters).toBeLessThan(1.05 * tables);
  });
});

describe("llama.cpp's mixtures of Llama 3.1 8B, in GB of bartowski's files", () => {
  // The files hold the tokenizer too, 8 MB; those with IQ types were made with an importance matrix.
  it.each([
    ["Q8_0", 8.54],
    ["Q6_K", 6.6],
    ["Q5_K_M", 5.73],
    ["Q5_K_S", 5.6],
    ["Q4_K_M", 4.92],
    ["Q4_K_S", 4.69],
    ["IQ4_XS", 4.45],
    ["Q3_K_L", 4.32],
    ["Q3_K_M", 4.02],
    ["IQ3_M", 3.78],
    ["Q3_K_S", 3.66],
    ["IQ3_XS", 3.52],
    ["Q2_K", 3.18],
    ["IQ2_M", 2.95],
  ])("%s: %d", (quantization, size) => {
    const report = calculateMemory("meta-llama/Llama-3.1-8B", { quantization });
    expect(Math.abs(weights(report) / 1e9 + 0.008 - size)).toBeLessThan(0.0075);
  });
});

describe("what is asked for", () => {
  const WHISPER = "openai/whisper-tiny";
  it("a precision beside the scheme is that of the rest; a quantised one contradicts it", () => {
    const wide = calculateMemory(WHISPER, { quantization: "int8", precision: "fp32" });
    const usual = calculateMemory(WHISPER, { quantization: "int8", precision: "fp16" });
    const { otherParameters = 0 } = usual.quantization ?? {};
    expect(weights(wide) - weights(usual)).toBe(2 * otherParameters);
    expect(() => calculateMemory(WHISPER, { quantization: "awq", precision: "int4" })).toThrow(
      /--quantization is "awq" and --precision is "int4"/,
    );
  });

  it("none and a 16-bit precision undo the config's scheme", () => {
    const id = "openai/gpt-oss-20b";
    const plain = calculateMemory(id, { quantization: "none" });
    expect(plain.quantization).toBeNull();
    expect(weights(plain)).toBe(2 * plain.parameterCount);
    expect(weights(calculateMemory(id, { precision: "bf16" }))).toBe(weights(plain));
  });

  it("formats that are calibrated leave towers beside the language model in 16 bits", () => {
    const id = "Qwen/Qwen2-Audio-7B-Instruct";
    const encoder = (quantization: string) =>
      calculateMemory(id, { quantization }).encoderWeightMemoryBytes;
    expect(encoder("awq")).toBe(encoder("none"));
    expect(encoder("gptq")).toBe(encoder("none"));
    expect(encoder("Q4_K_M")).toBe(encoder("none"));
    expect(encoder("nf4")).toBeLessThan(encoder("none") / 3);
  });

  it("a precision below 16 bits is the usual scheme of that name, and uniform under generic", () => {
    for (const [precision, quantization] of [
      ["int8", "int8"],
      ["nf4", "nf4"],
      ["fp8", "fp8"],
      ["int4", "int4"],
    ])
      expect(weights(calculateMemory(WHISPER, { precision: String(precision) }))).toBe(
        weights(
          calculateMemory(WHISPER, { quantization: String(quantization), precision: "fp16" }),
        ),
      );
    const generic = calculateMemory(WHISPER, { precision: "int8", engine: "generic" });
    expect(weights(generic)).toBe(generic.parameterCount);
    expect(generic.quantization).toBeNull();
  });
});
