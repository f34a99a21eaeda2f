import {
  calculateMemory,
  catalogConfig,
  catalogIds,
  countActiveParameters,
  countParameters,
  describe as describeModel,
  renderReport,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { modelOf } from "../models.ts";

const active = (id: string) => countActiveParameters(modelOf(id).root);

/** In billions, as its maker says it, and how the maker counts: with the token table or without. */
const PUBLISHED = [
  ["mistralai/Mixtral-8x7B-v0.1", 12.9, "with"], // arXiv:2401.04088: "13B active", 12.9B in the announcement
  ["mistralai/Mixtral-8x22B-Instruct-v0.1", 39, "with"], // mistral.ai/news/mixtral-8x22b
  ["microsoft/Phi-3.5-MoE-instruct", 6.6, "with"], // model card
  ["Qwen/Qwen3-30B-A3B", 3.3, "with"], // model card: 3.3B activated
  ["Qwen/Qwen3-235B-A22B", 22, "with"], // model card
  ["Qwen/Qwen1.5-MoE-A2.7B", 2.7, "with"], // model card
  ["ai21labs/Jamba-v0.1", 12, "with"], // arXiv:2403.19887
  ["deepseek-ai/DeepSeek-V2", 21, "with"], // arXiv:2405.04434
  ["deepseek-ai/DeepSeek-V2-Lite", 2.4, "without"], // model card
  ["deepseek-ai/DeepSeek-V3", 37, "without"], // arXiv:2412.19437
  ["moonshotai/Kimi-K2-Instruct", 32, "without"], // model card
  ["openai/gpt-oss-20b", 3.61, "without"], // model card: "unembedding parameters are counted, embeddings not"
  ["openai/gpt-oss-120b", 5.13, "without"],
  ["meta-llama/Llama-4-Scout-17B-16E-Instruct", 17, "without"], // model card
] as const;

describe("active parameters", () => {
  it.each(PUBLISHED)("%s: %d billion, %s the token table", (id, billions, convention) => {
    const { active: all, tables } = active(id);
    const own = convention === "with" ? all : all - tables;
    // Half of the last digit that is published, and half a digit more: makers cut as often as they round.
    const digits = String(billions).split(".")[1]?.length ?? 0;
    expect(Math.abs(own / 1e9 - billions)).toBeLessThan(10 ** -digits);
  });

  it("leaves out exactly the experts that are not picked", () => {
    // Mixtral: 32 layers, 8 experts of three matrices 4096 × 14336, two of them picked.
    const { root } = modelOf("mistralai/Mixtral-8x7B-v0.1");
    const unpicked = 32 * (8 - 2) * 3 * 4096 * 14336;
    expect(countActiveParameters(root).active).toBe(countParameters(root).total - unpicked);
  });

  it("knows experts that lie as rows of one matrix", () => {
    const { root } = describeModel({
      model_type: "dbrx",
      d_model: 64,
      n_heads: 4,
      n_layers: 2,
      vocab_size: 100,
      attn_config: { kv_n_heads: 2, clip_qkv: 8 },
      ffn_config: { moe_num_experts: 4, moe_top_k: 1, ffn_hidden_size: 32 },
    });
    const unpicked = 2 * (4 - 1) * 3 * 64 * 32;
    expect(countActiveParameters(root).active).toBe(countParameters(root).total - unpicked);
  });

  it.each(catalogIds())("%s: fewer than all exactly where there are experts", (id) => {
    const { root } = modelOf(id);
    const { active: met, tables } = active(id);
    const { total } = countParameters(root);
    expect(Number.isInteger(met)).toBe(true);
    expect(tables).toBeLessThan(met);
    const mixed = /_experts|num_experts|moe/.test(JSON.stringify(catalogConfig(id)));
    if (mixed) expect(met).toBeLessThanOrEqual(total);
    else expect(met).toBe(total);
  });

  it("stands in the report where it differs", () => {
    expect(renderReport(calculateMemory("mistralai/Mixtral-8x7B-v0.1"))).toContain(
      "46.70B parameters, 12.88B active",
    );
    expect(renderReport(calculateMemory("meta-llama/Llama-3.1-8B"))).not.toContain("active");
  });
});
