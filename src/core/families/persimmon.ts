import { flag, or, reader } from "../config/schema.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** PersimmonConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 262144,
    width: 4096,
    inner: 16384,
    layers: 36,
    heads: 64,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 16384,
    tied: false,
  }),
  qk_layernorm: or(flag(), true),
}));

/** Persimmon 8B, which Fuyu stands on. Source: `models/persimmon/modeling_persimmon.py`. */
export const persimmon = llamaLike({
  name: "persimmon",
  modelTypes: ["persimmon"],
  architectures: ["PersimmonForCausalLM"],
  purpose: "text generation",
  read: (raw, context) => ({ ...read(raw, context), num_key_value_heads: null }),
  habits: (config, { sizes: { width, inner, headDim }, raw, context }) => ({
    classes: "Persimmon",
    norm: layerNorm,
    finalNorm: "final_layernorm",
    attention: {
      names: [
        ["qkv", "query_key_value"],
        ["o", "dense"],
      ],
      bias: true,
      habits: { sliced: rotatedValues(headDim, raw, context, 0.5) },
    },
    normedHeads: config.qk_layernorm && [
      layerNorm("q_layernorm", headDim),
      layerNorm("k_layernorm", headDim),
    ],
    feedForward: plainFeedForward("PersimmonMLP", "mlp", width, inner, [
      "dense_h_to_4h",
      "dense_4h_to_h",
    ]),
    rotated: rotatedValues(headDim, raw, context, 0.5),
  }),
});
