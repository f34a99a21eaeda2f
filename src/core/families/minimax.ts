import { count, or, reader } from "../config/schema.ts";
import { correction, mixtureOfExperts, router } from "../layers/experts.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import type { DecoderSizes } from "../towers/causal-lm.ts";
import { crossed, slidingVariants, variantsBy } from "../towers/layer-variants.ts";
import { type Module, module } from "../tree/module.ts";
import { decoderFields, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** MiniMaxConfig and MiniMaxM2Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 32000,
    width: 4096,
    inner: 14336,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 131072,
    tied: false,
  }),
  num_local_experts: or(count(), 8),
  num_experts_per_tok: or(count(), 2),
  ...slidingFields(null),
  block_size: or(count(), 256),
}));
const readM2 = reader(() => ({
  ...decoderFields({
    vocab: 200064,
    width: 3072,
    inner: 1536,
    layers: 62,
    heads: 48,
    kvHeads: 8,
    headDim: 128,
    maxPositions: 196608,
    tied: false,
  }),
  num_local_experts: or(count(), 256),
  num_experts_per_tok: or(count(), 8),
}));

const mixture = (
  classes: string,
  { width, inner }: DecoderSizes,
  config: ReturnType<typeof readM2>,
): Module =>
  mixtureOfExperts(`${classes}SparseMoeBlock`, "mlp", {
    class: `${classes}Experts`,
    width,
    inner,
    experts: config.num_local_experts,
    perToken: config.num_experts_per_tok,
    router: router(`${classes}TopKRouter`, "gate", width, config.num_local_experts),
  });

/**
 * Lightning attention (MiniMax-01, 2025): linear attention over blocks, with the decay inside a block as stored tables. It
 * keeps one matrix per head, in the model's dtype.
 */
function lightning({ width, heads, headDim }: DecoderSizes, block: number): Module {
  const inner = heads * headDim;
  const columns = { bias: false, divide: { by: "columns", units: heads } } as const;
  const tables: readonly (readonly [string, readonly number[]])[] = [
    ["slope_rate", [heads, 1, 1]],
    ["query_decay", [heads, block, 1]],
    ["key_decay", [heads, block, 1]],
    ["diagonal_decay", [1, heads, block, block]],
  ];
  return module(
    "MiniMaxLightningAttention",
    "self_attn",
    [
      rmsNorm("norm", inner, "MiniMaxRMSNorm"),
      linear("qkv_proj", width, 3 * inner, columns),
      linear("out_proj", inner, width, { bias: false, divide: { by: "rows", units: heads } }),
      linear("output_gate", width, inner, columns),
    ],
    {
      buffers: tables.map(([name, shape]) => ({ name, shape, dtype: "model", persistent: true })),
      state: {
        kind: "recurrent",
        parts: [{ name: "linear attention", shape: [heads, headDim, headDim], units: heads }],
      },
    },
  );
}

/** MiniMax-Text-01: linear and full attention in turns, experts everywhere. Source: `models/minimax/modeling_minimax.py`. */
export const minimax = llamaLike({
  name: "minimax",
  modelTypes: ["minimax"],
  architectures: ["MiniMaxForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  names: { num_experts: "num_local_experts" },
  read,
  habits: (config, { sizes }) => {
    const { layer_types: types } = config;
    const isLinear = (index: number) =>
      types ? types[index] === "linear_attention" : index % 2 === 1;
    return {
      classes: "MiniMax",
      feedForward: mixture("MiniMax", sizes, config),
      variants: crossed(
        slidingVariants(sizes.layers, config.sliding_window, () => true),
        variantsBy(sizes.layers, isLinear, [
          {},
          { attention: lightning(sizes, config.block_size) },
        ]),
      ),
    };
  },
});

/** MiniMax-M2: full attention, 256 small experts. Source: `models/minimax_m2/modeling_minimax_m2.py`. */
export const minimaxM2 = llamaLike({
  name: "minimax_m2",
  modelTypes: ["minimax_m2"],
  architectures: ["MiniMaxM2ForCausalLM"],
  purpose: "text generation",
  names: { num_experts: "num_local_experts" },
  read: readM2,
  habits: (config, { sizes }) => ({
    classes: "MiniMaxM2",
    normedHeads: [
      rmsNorm("q_norm", sizes.heads * sizes.headDim, "MiniMaxM2RMSNorm"),
      rmsNorm("k_norm", sizes.kvHeads * sizes.headDim, "MiniMaxM2RMSNorm"),
    ],
    feedForward: {
      ...mixture("MiniMaxM2", sizes, config),
      buffers: [correction(config.num_local_experts)],
    },
  }),
});
