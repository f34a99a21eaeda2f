import { flag, or, reader } from "../config/schema.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** ArceeConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 32000,
    width: 2560,
    inner: 18432,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 4096,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
}));

/** Arcee AFM: Llama with a plain feed-forward. Source: `models/arcee/modeling_arcee.py`. */
export const arcee = llamaLike({
  name: "arcee",
  modelTypes: ["arcee"],
  architectures: ["ArceeForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ attention_bias: bias, mlp_bias }, { sizes: { width, inner } }) => ({
    classes: "Arcee",
    bias: { qkv: bias, o: bias },
    feedForward: plainFeedForward("ArceeMLP", "mlp", width, inner, ["up_proj", "down_proj"], {
      activation: "relu2",
      bias: mlp_bias,
    }),
  }),
});
