import { flag, or, reader } from "../config/schema.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** NemotronConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 256000,
    width: 6144,
    inner: 24576,
    layers: 32,
    heads: 48,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 4096,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
}));

/** Nemotron 3, 4 and Minitron: layer norms, a plain feed-forward. Source: `models/nemotron/modeling_nemotron.py`. */
export const nemotron = llamaLike({
  name: "nemotron",
  modelTypes: ["nemotron"],
  architectures: ["NemotronForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes: { width, inner, headDim }, raw, context }) => {
    const { attention_bias: bias, mlp_bias } = config;
    return {
      classes: "Nemotron",
      bias: { qkv: bias, o: bias },
      norm: (name, size) => layerNorm(name, size, { class: "NemotronLayerNorm1P" }),
      feedForward: plainFeedForward("NemotronMLP", "mlp", width, inner, ["up_proj", "down_proj"], {
        activation: "relu2",
        bias: mlp_bias,
      }),
      rotated: rotatedValues(headDim, raw, context, 0.5),
    };
  },
});
