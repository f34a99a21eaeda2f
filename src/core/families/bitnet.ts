import { flag, or, reader } from "../config/schema.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { rmsNorm } from "../layers/norm.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** BitNetConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 128256,
    width: 2560,
    inner: 6912,
    layers: 30,
    heads: 20,
    kvHeads: 5,
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  attention_bias: or(flag(), false),
}));

/** Microsoft's BitNet b1.58: a norm before each last matrix. Source: `models/bitnet/modeling_bitnet.py`. */
export const bitnet = llamaLike({
  name: "bitnet",
  modelTypes: ["bitnet"],
  architectures: ["BitNetForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ attention_bias: bias }, { sizes: { width, inner } }) => {
    const norm = (name: string, size: number) => rmsNorm(name, size, "BitNetRMSNorm");
    const plain = gatedFeedForward("BitNetMLP", "mlp", width, inner);
    return {
      classes: "BitNet",
      bias: { qkv: bias, o: bias },
      normedHeads: [norm("attn_sub_norm", width)],
      feedForward: { ...plain, children: [...plain.children, norm("ffn_sub_norm", inner)] },
    };
  },
});
