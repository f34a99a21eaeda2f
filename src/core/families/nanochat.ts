import { flag, or, reader } from "../config/schema.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** NanoChatConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 50304,
    width: 768,
    inner: 8192,
    layers: 12,
    heads: 6,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  attention_bias: or(flag(), false),
}));

/** Karpathy's nanochat: norms without parameters, squared ReLU. Source: `models/nanochat/modeling_nanochat.py`. */
export const nanochat = llamaLike({
  name: "nanochat",
  modelTypes: ["nanochat"],
  architectures: ["NanoChatForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ attention_bias: bias }, { sizes: { width, inner } }) => ({
    classes: "NanoChat",
    bias: { qkv: bias, o: bias },
    normedHeads: true,
    norm: (name, size) => layerNorm(name, size, { affine: false, class: "NanoChatRMSNorm" }),
    feedForward: plainFeedForward("NanoChatMLP", "mlp", width, inner, ["fc1", "fc2"], {
      bias: false,
    }),
  }),
});
