import {
  calculateActivationMemory,
  calculateAudioConvMemory,
  calculateAudioInputMemory,
  calculateCrossAttentionKvCache,
  calculateDecoderKvCache,
  calculateDecoderParams,
  calculateEncoderKvCache,
  calculateEncoderParams,
  calculateMemory,
  calculateModelWeights,
  calculateProjectorParams,
  catalogConfig,
  countParameters,
  describe as describeModel,
  detectAttentionType,
  detectModelType,
  GB,
  GiB,
  MiB,
  normalizeConfig,
  toGB,
  toGiB,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const TURBO = "openai/whisper-large-v3-turbo";
const LARGE = "openai/whisper-large-v3";
const QWEN = "Qwen/Qwen2-Audio-7B-Instruct";
const ULTRAVOX = "fixie-ai/ultravox-v0_5-llama-3_2-1b";

const resolve = catalogConfig;
const config = (id: string) => catalogConfig(id);
/** Batch 1 and 30 s of audio, for which the plan states its figures. */
const PLANNED = { resolve, batchSize: 1, audioSeconds: 30 };

interface Row {
  readonly id: string;
  readonly quantity: string;
  readonly calculate: () => number;
  /** The plan's figure, in the unit that it means (it wrote "GB" for weights in GiB). */
  readonly plan: { readonly says: number; readonly unit: number };
  /** How far the plan's figure lies below the exact one, in percent: 0 where it is only rounded. */
  readonly planShortBy: number;
  readonly bytes: number;
  readonly GB: string;
  readonly GiB: string;
}

const TABLE: readonly Row[] = [
  {
    id: TURBO,
    quantity: "weights in fp16",
    calculate: () => calculateModelWeights(config(TURBO), { ...PLANNED, precision: "fp16" }),
    plan: { says: 1.51, unit: GiB },
    planShortBy: 0,
    bytes: 1_617_756_160,
    GB: "1.618",
    GiB: "1.507",
  },
  {
    id: TURBO,
    quantity: "encoder self-attention K/V",
    calculate: () => calculateEncoderKvCache(config(TURBO), { ...PLANNED, precision: "fp16" }),
    plan: { says: 0.245, unit: GB },
    planShortBy: 0,
    bytes: 245_760_000,
    GB: "0.246",
    GiB: "0.229",
  },
  {
    id: TURBO,
    quantity: "decoder KV at 448 positions",
    calculate: () => calculateDecoderKvCache(config(TURBO), { ...PLANNED, maxModelLen: 448 }),
    plan: { says: 0.0092, unit: GB },
    planShortBy: 0,
    bytes: 9_175_040,
    GB: "0.009",
    GiB: "0.009",
  },
  {
    id: TURBO,
    quantity: "cross-attention KV",
    calculate: () => calculateCrossAttentionKvCache(config(TURBO), PLANNED),
    plan: { says: 0.0307, unit: GB },
    planShortBy: 0,
    bytes: 30_720_000,
    GB: "0.031",
    GiB: "0.029",
  },
  {
    id: LARGE,
    quantity: "weights in fp16",
    calculate: () => calculateModelWeights(config(LARGE), { ...PLANNED, precision: "fp16" }),
    plan: { says: 2.88, unit: GiB },
    planShortBy: 0,
    bytes: 3_086_981_120,
    GB: "3.087",
    GiB: "2.875",
  },
  {
    id: QWEN,
    quantity: "weights in bf16",
    calculate: () => calculateModelWeights(config(QWEN), { ...PLANNED, precision: "bf16" }),
    plan: { says: 15.28, unit: GiB },
    planShortBy: 2.4,
    bytes: 16_794_190_336,
    GB: "16.794",
    GiB: "15.641",
  },
  {
    id: ULTRAVOX,
    quantity: "weights in bf16",
    calculate: () => calculateModelWeights(config(ULTRAVOX), { ...PLANNED, precision: "bf16" }),
    plan: { says: 3.43, unit: GiB },
    planShortBy: 4.2,
    bytes: 3_837_866_240,
    GB: "3.838",
    GiB: "3.574",
  },
];

describe("the plan's table", () => {
  it.each(TABLE)("$id: $quantity", (row) => {
    const bytes = row.calculate();
    expect(bytes).toBe(row.bytes);
    expect(toGB(bytes).toFixed(3)).toBe(row.GB);
    expect(toGiB(bytes).toFixed(3)).toBe(row.GiB);
    const error = 100 * (bytes / (row.plan.says * row.plan.unit) - 1);
    if (row.planShortBy === 0) expect(Math.abs(error)).toBeLessThan(0.4);
    else expect(error.toFixed(1)).toBe(row.planShortBy.toFixed(1));
  });
});

describe("what the plan's formulas would mislead about", () => {
  it("an encoder keeps no K/V under transformers; the generic accounting counts it", () => {
    const of = (engine: string) =>
      calculateMemory(TURBO, { audioSeconds: 30, engine }).encoderKvCacheBytes;
    expect(of("transformers")).toBe(0);
    expect(of("generic")).toBe(245_760_000);
  });

  it.each([QWEN, ULTRAVOX])("%s has no cross-attention: audio becomes tokens", (id) => {
    expect(calculateCrossAttentionKvCache(config(id), PLANNED)).toBe(0);
    for (const engine of ["transformers", "generic"]) {
      expect(calculateMemory(id, { engine }).crossAttentionKvCacheBytes).toBe(0);
    }
    expect(calculateMemory(id, PLANNED).workload.audioTokens).toBeGreaterThan(0);
  });

  it("Qwen2-Audio-7B is 32 layers, hidden 4096, 32 key/value heads, untied", () => {
    const model = normalizeConfig(config(QWEN));
    expect(countParameters(model.root).total).toBe(8_397_094_912);
    expect(detectAttentionType(model)).toBe("mha");
    // 32 layers × 2 × 32 heads × 128 × 1 token × 2 B
    expect(calculateDecoderKvCache(model, { audioSeconds: 0.01, maxModelLen: 1 })).toBe(524_288);
    expect(countParameters(model.root).components.lm_head).toBe(156_032 * 4096);
  });
});

describe("the plan's quantities as functions", () => {
  it.each([
    [TURBO, "encoder-decoder", "mha"],
    [QWEN, "audio-llm", "mha"],
    [ULTRAVOX, "audio-llm", "gqa"],
    ["meta-llama/Llama-3.1-8B", "decoder-only", "gqa"],
    ["meta-llama/Llama-2-7b-hf", "decoder-only", "mha"],
  ])("%s is %s with %s attention", (id, type, attention) => {
    expect(detectModelType(config(id), { resolve })).toBe(type);
    expect(detectAttentionType(config(id), { resolve })).toBe(attention);
  });

  it("one key/value head is multi-query", () => {
    const falcon = {
      ...(config("TinyLlama/TinyLlama-1.1B-Chat-v1.0") as object),
      num_key_value_heads: 1,
    };
    expect(detectAttentionType(falcon)).toBe("mqa");
  });

  it.each([TURBO, QWEN, ULTRAVOX, "Qwen/Qwen2.5-7B"])("%s: the parts sum to the whole", (id) => {
    const model = normalizeConfig(config(id), { resolve });
    const parts = [calculateEncoderParams, calculateProjectorParams, calculateDecoderParams];
    expect(parts.reduce((sum, part) => sum + part(model), 0)).toBe(
      countParameters(model.root).total,
    );
  });

  it("whisper-large-v3-turbo: the encoder and the decoder", () => {
    expect(calculateEncoderParams(config(TURBO))).toBe(636_968_960);
    expect(calculateDecoderParams(config(TURBO))).toBe(105_520_640 + 66_388_480);
    expect(calculateProjectorParams(config(TURBO))).toBe(0);
  });

  it("mel input: bins × frames × batch; front end: both convolutions' outputs", () => {
    expect(calculateAudioInputMemory(config(TURBO), { ...PLANNED, batchSize: 3 })).toBe(
      128 * 3000 * 3 * 2,
    );
    expect(calculateAudioConvMemory(config(TURBO), { ...PLANNED, batchSize: 3 })).toBe(
      1280 * (3000 + 1500) * 3 * 2,
    );
    expect(calculateAudioInputMemory(config("Qwen/Qwen2.5-7B"))).toBe(0);
    expect(calculateAudioConvMemory(config("Qwen/Qwen2.5-7B"))).toBe(0);
  });

  it("two windows together are twice the input (Ultravox batches a long recording)", () => {
    const input = (audioSeconds: number) =>
      calculateAudioInputMemory(config(ULTRAVOX), { resolve, audioSeconds });
    expect(input(60)).toBe(2 * input(30));
  });

  it.each([TURBO, QWEN, ULTRAVOX, "mistralai/Mistral-7B-v0.1"])(
    "%s: each function says what the report says",
    (id) => {
      for (const engine of ["transformers", "generic"]) {
        const options = { resolve, batchSize: 3, tensorParallelSize: 2, engine };
        const report = calculateMemory(id, options);
        const raw = config(id);
        expect(calculateModelWeights(raw, options)).toBe(report.weightMemoryBytes);
        expect(calculateActivationMemory(raw, options)).toBe(report.activationMemoryBytes);
        expect(calculateDecoderKvCache(raw, options)).toBe(report.decoderKvCacheBytes);
        expect(calculateCrossAttentionKvCache(raw, options)).toBe(
          report.crossAttentionKvCacheBytes,
        );
        expect(calculateAudioInputMemory(raw, options)).toBe(report.audioMemoryBytes);
        if (engine === "generic")
          expect(calculateEncoderKvCache(raw, options)).toBe(report.encoderKvCacheBytes);
      }
    },
  );

  it("grouped heads and sliding windows are respected", () => {
    const mistral = config("mistralai/Mistral-7B-v0.1");
    const perToken = 32 * 2 * 8 * 128 * 2;
    expect(calculateDecoderKvCache(mistral, { maxModelLen: 100 })).toBe(100 * perToken);
    expect(calculateDecoderKvCache(mistral, { maxModelLen: 32_768 })).toBe(4096 * perToken);
  });

  it("a described model serves in place of its config", () => {
    const fromDescribe = describeModel(config(ULTRAVOX), { resolve });
    expect(calculateModelWeights(fromDescribe)).toBe(3_837_866_240);
    expect(detectModelType(normalizeConfig(config(ULTRAVOX), { resolve }))).toBe("audio-llm");
  });

  it("sizes in several units agree", () => {
    expect(calculateDecoderKvCache(config(TURBO)) / MiB).toBe(8.75);
  });
});
