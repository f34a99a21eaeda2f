import { catalogConfig, describe as describeModel } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { bytesOf } from "../../../src/core/dtype.ts";
import { elements } from "../../../src/core/tree/tensor.ts";
import { walk } from "../../../src/core/tree/walk.ts";

/** Bytes per sequence in bf16: what stays the same whatever the length, and what every cached position adds. */
function statesOf(id: string) {
  const bytes = { convolution: 0, scan: 0, perPosition: 0 };
  walk(describeModel(catalogConfig(id)).root, ({ state }, { copies }) => {
    if (state?.kind === "kv") {
      bytes.perPosition += copies * state.heads * (state.keyDim + state.valueDim) * 2;
    }
    if (state?.kind !== "recurrent") return;
    for (const { name, shape, dtype } of state.parts) {
      const kind = name === "scan" ? "scan" : "convolution";
      bytes[kind] += copies * elements(shape) * bytesOf(dtype ?? "bf16");
    }
  });
  return bytes;
}

/** What transformers 5.18's DynamicCache held after generation (bf16, batch 1; key/value bytes per cached position). */
const MEASURED = {
  "state-spaces/mamba-130m-hf": { convolution: 294_912, scan: 2_359_296, perPosition: 0 },
  "ai21labs/Jamba-v0.1": {
    convolution: 1_835_008,
    scan: 14_680_064,
    perPosition: 2_129_920 / 130,
  },
  "Zyphra/Zamba2-1.2B": {
    convolution: 1_323_008,
    scan: 79_691_776,
    perPosition: 50_528_256 / 514,
  },
  "tiiuae/Falcon-H1-1.5B-Base": {
    convolution: 688_128,
    scan: 75_497_472,
    perPosition: 12_632_064 / 514,
  },
  "nvidia/Nemotron-H-8B-Base-8K": {
    convolution: 1_966_080,
    scan: 100_663_296,
    perPosition: 8_421_376 / 514,
  },
};

describe("the states of state-space and hybrid models", () => {
  it.each(Object.entries(MEASURED))("%s keeps what the reference keeps", (id, measured) => {
    expect(statesOf(id)).toEqual(measured);
  });
});

describe("configs that the reference refuses", () => {
  it.each([
    [
      { model_type: "mamba2", num_heads: 100 },
      /num_heads is 100, which times head_dim 64 is not the inner width 8192/,
    ],
    [{ model_type: "zamba2", num_hidden_layers: 40 }, /layers_block_type names 54 layers/],
    [{ model_type: "jamba", attn_layer_offset: 8 }, /attn_layer_offset is 8/],
    [{ model_type: "nemotron_h", hybrid_override_pattern: "MX" }, /hybrid_override_pattern/],
  ])("%o", (config, message) => {
    expect(() => describeModel(config)).toThrow(message);
  });
});
