import { countParameters, describe as describeModel, deviceBuffers } from "llm-memory-calculator";
import { expect, it } from "vitest";

const MINICPM_2B = {
  model_type: "minicpm",
  architectures: ["MiniCPMForCausalLM"],
  vocab_size: 122753,
  hidden_size: 2304,
  intermediate_size: 5760,
  num_hidden_layers: 40,
  num_attention_heads: 36,
  num_key_value_heads: 36,
  max_position_embeddings: 4096,
};

it("MiniCPM-2B has what its code builds: a tied table, and Llama's layers", () => {
  // transformers has no class to compare with: `modeling_minicpm.py`, matrix by matrix.
  const layer = 4 * 2304 ** 2 + 3 * 2304 * 5760 + 2 * 2304;
  expect(countParameters(describeModel(MINICPM_2B).root).total).toBe(
    122753 * 2304 + 40 * layer + 2304,
  );
});

it("keeps tables of all positions in every layer, as the published code does", () => {
  const bytes = deviceBuffers(describeModel(MINICPM_2B).root).reduce(
    (sum, { elements }) => sum + 4 * elements,
    0,
  );
  expect(bytes).toBe(40 * 4 * (32 + 2 * 4096 * 64));
});

it("its mixtures are refused", () => {
  expect(() => describeModel({ ...MINICPM_2B, num_experts: 8 })).toThrow(/num_experts is 8/);
});
