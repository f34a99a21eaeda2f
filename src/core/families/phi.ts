import { flag, or, reader, text } from "../config/schema.ts";
import { activationNamed, plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { PARALLEL_NORMS } from "../towers/causal-lm.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** PhiConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 51200,
    width: 2048,
    inner: 8192,
    layers: 24,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  hidden_act: or(text(), "gelu_new"),
  qk_layernorm: or(flag(), false),
}));

/** Phi 1, 1.5 and 2: biases everywhere, the head included. Source: `models/phi/modeling_phi.py`. */
export const phi = llamaLike({
  name: "phi",
  modelTypes: ["phi"],
  architectures: ["PhiForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { width, inner, heads, headDim }, raw, context }) => {
    const share = Math.floor(width / heads);
    return {
      classes: "Phi",
      bias: { qkv: true, o: true, head: true },
      norm: layerNorm,
      norms: PARALLEL_NORMS,
      finalNorm: "final_layernorm",
      attention: {
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "dense"],
        ],
      },
      normedHeads: config.qk_layernorm && [
        layerNorm("q_layernorm", share),
        layerNorm("k_layernorm", share),
      ],
      feedForward: plainFeedForward(
        "PhiMLP",
        "mlp",
        width,
        inner,
        ["fc1", "fc2"],
        activationNamed(config.hidden_act),
      ),
      rotated: rotatedValues(headDim, raw, context, 0.5),
    };
  },
});
