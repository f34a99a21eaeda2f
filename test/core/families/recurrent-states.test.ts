import { readFileSync } from "node:fs";
import { catalogConfig, describe as describeModel } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";
import { bytesOf } from "../../../src/core/dtype.ts";
import { elements } from "../../../src/core/tree/tensor.ts";
import { walk } from "../../../src/core/tree/walk.ts";

/** Bytes per sequence in bf16: what stays the same whatever the length, and what every cached position adds. */
function statesOf(config: unknown) {
  const bytes = { convolution: 0, scan: 0, perPosition: 0 };
  walk(describeModel(config).root, ({ state }, { copies }) => {
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

/** The same of small models that were run (transformers 5.18, bf16, batch 1): test/fixtures/variants. */
const SMALL = {
  "mamba2-biased": { convolution: 15_360, scan: 196_608, perPosition: 0 },
  "falcon-mamba-defaults": { convolution: 3_200, scan: 25_600, perPosition: 0 },
  "zamba2-two-blocks": { convolution: 102_400, scan: 2_621_440, perPosition: 20_480 },
  "falcon-h1-biased": { convolution: 36_864, scan: 1_572_864, perPosition: 1_536 },
  "lfm2-layer-types": { convolution: 7_680, scan: 0, perPosition: 512 },
  "bamba-biased": { convolution: 24_576, scan: 1_048_576, perPosition: 512 },
  "jamba-mini-shape": { convolution: 61_440, scan: 327_680, perPosition: 1_536 },
};

describe("the states of state-space and hybrid models", () => {
  it.each(Object.entries(MEASURED))("%s keeps what the reference keeps", (id, measured) => {
    expect(statesOf(catalogConfig(id))).toEqual(measured);
  });
});

describe("the states of small models", () => {
  it.each(Object.entries(SMALL))("%s keeps what the reference keeps", (name, measured) => {
    const path = new URL(`../../fixtures/variants/${name}.json`, import.meta.url);
    const { config } = JSON.parse(readFileSync(path, "utf8")) as { config: unknown };
    expect(statesOf(config)).toEqual(measured);
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
