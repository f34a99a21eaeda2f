import { flag, or, reader } from "../config/schema.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { module } from "../tree/module.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** ApertusConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 131072,
    width: 4096,
    inner: 14336,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 65536,
    tied: false,
  }),
  attention_bias: or(flag(), false),
}));

/** An activation that learns its two slopes. */
const XIELU = module("XIELUActivation", "act_fn", [], {
  tensors: ["alpha_p", "alpha_n"].map((name) => ({ name, shape: [1] })),
  buffers: ["beta", "eps"].map((name) => ({ name, shape: [], dtype: "model", persistent: true })),
});

/** Swiss AI's Apertus. Source: `models/apertus/modeling_apertus.py`. */
export const apertus = llamaLike({
  name: "apertus",
  modelTypes: ["apertus"],
  architectures: ["ApertusForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ attention_bias: bias }, { sizes: { width, inner } }) => {
    const names = ["up_proj", "down_proj"] as const;
    const plain = plainFeedForward("ApertusMLP", "mlp", width, inner, names, {
      bias: false,
      activation: "xielu",
    });
    return {
      classes: "Apertus",
      bias: { qkv: bias, o: bias },
      normedHeads: true,
      norms: ["attention_layernorm", "feedforward_layernorm"],
      feedForward: { ...plain, children: [...plain.children, XIELU] },
    };
  },
});
