import {
  count,
  decimal,
  dimension,
  flag,
  list,
  maybe,
  or,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { depthwise } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { causalAttention, stackedLm } from "../towers/stacked-lm.ts";
import { evenHeads } from "../towers/whisper.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Tensor } from "../tree/tensor.ts";
import { decoderOnly } from "./decoder-only.ts";
import { checkedKinds } from "./mamba-config.ts";

const CLASSES = "RecurrentGemma";
const ATTENTION = "attention";

/** RecurrentGemmaConfig (transformers 5.18). */
const read = reader(() => ({
  num_hidden_layers: or(count(), 26),
  vocab_size: or(dimension(), 256000),
  hidden_size: or(dimension(), 2560),
  intermediate_size: or(dimension(), 7680),
  num_attention_heads: or(dimension(), 10),
  num_key_value_heads: maybe(dimension()),
  lru_width: maybe(dimension()),
  attention_window_size: or(positions(), 2048),
  conv1d_width: or(dimension(), 4),
  block_types: or(list(text()), ["recurrent", "recurrent", ATTENTION]),
  attention_bias: or(flag(), false),
  partial_rotary_factor: or(decimal(), 0.5),
  tie_word_embeddings: or(flag(), true),
}));

/** The real-gated linear recurrent unit (De et al. 2024): gates that are block-diagonal, one block per head. */
function recurrence(width: number, heads: number): Module {
  const block = Math.floor(width / heads);
  const gate = (name: string, shape: readonly number[]): Tensor => ({
    name,
    shape,
    cut: { dim: 0, units: heads },
  });
  return module(`${CLASSES}Rglru`, "rg_lru", [], {
    tensors: [
      { name: "recurrent_param", shape: [width], cut: { dim: 0, units: width } },
      gate("input_gate_weight", [heads, block, block]),
      gate("input_gate_bias", [heads, block]),
      gate("recurrent_gate_weight", [heads, block, block]),
      gate("recurrent_gate_bias", [heads, block]),
    ],
  });
}

/** Two branches, one of them through a convolution and the recurrence; it remembers what the next convolution needs. */
function recurrentBlock(width: number, inner: number, heads: number, kernel: number): Module {
  return module(
    `${CLASSES}RecurrentBlock`,
    "temporal_block",
    [
      linear("linear_y", width, inner, { divide: { by: "columns" } }),
      linear("linear_x", width, inner, { divide: { by: "columns" } }),
      linear("linear_out", inner, width, { divide: { by: "rows" } }),
      depthwise("conv_1d", inner, kernel, true),
      recurrence(inner, heads),
    ],
    {
      state: {
        kind: "recurrent",
        parts: [
          { name: "convolution", shape: [inner, kernel - 1], units: inner },
          { name: "recurrence", shape: [inner], dtype: "fp32", units: inner },
        ],
      },
    },
  );
}

/** RecurrentGemma (De et al. 2024): recurrent layers and local attention in turn. Source: `models/recurrent_gemma/modeling_recurrent_gemma.py`. */
export const recurrentGemma = decoderOnly({
  name: "recurrent_gemma",
  modelTypes: ["recurrent_gemma"],
  architectures: [`${CLASSES}ForCausalLM`],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const { hidden_size: width, num_attention_heads: heads, num_hidden_layers: layers } = config;
    const headDim = Math.floor(width / heads);
    const kvHeads = config.num_key_value_heads ?? heads;
    evenHeads(heads, kvHeads, "num_attention_heads", "num_key_value_heads");
    const kinds = config.block_types;
    checkedKinds(kinds, kinds.length, ["recurrent", ATTENTION], "block_types", context);
    const norm = (name: string) => rmsNorm(name, width, `${CLASSES}RMSNorm`);
    const layer = (attends: boolean, mixer: Module) =>
      stack(
        those(layers, (index) => (kinds[index % kinds.length] === ATTENTION) === attends),
        module(
          `${CLASSES}DecoderLayer`,
          "layers",
          [
            norm("temporal_pre_norm"),
            mixer,
            norm("channel_pre_norm"),
            gatedFeedForward(
              `${CLASSES}Mlp`,
              "mlp_block",
              width,
              Math.floor(config.intermediate_size / 2),
              { bias: true },
            ),
          ],
          {
            op: {
              kind: "layer",
              width,
              blocks: [{ run: "temporal_block" }, { run: "mlp_block" }],
            },
          },
        ),
      );
    const bias = config.attention_bias;
    const attend = causalAttention(
      CLASSES,
      { width, heads, kvHeads, headDim },
      {
        name: "temporal_block",
        bias: { q: bias, k: bias, v: bias, o: true },
        extra: [
          rotary(
            "rotary_emb",
            `${CLASSES}RotaryEmbedding`,
            Math.floor(headDim * config.partial_rotary_factor),
          ),
        ],
        span: { kind: "window", size: config.attention_window_size, causal: true },
      },
    );
    const inner = config.lru_width ?? width;
    return {
      ...stackedLm(
        {
          classes: CLASSES,
          vocab: config.vocab_size,
          width,
          tied: config.tie_word_embeddings,
          layers: [
            layer(false, recurrentBlock(width, inner, heads, config.conv1d_width)),
            layer(true, attend),
          ],
          norm: "final_norm",
          buffers: [{ name: "normalizer", shape: [], dtype: "bf16", persistent: false }],
        },
        place,
      ),
      maxPositions: undefined,
    };
  },
});
