import { attention } from "../layers/attention.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { type Module, module } from "../tree/module.ts";
import type { DecoderSizes } from "./causal-lm.ts";

/** A layer of NeMo's transformer decoder (Canary, Cohere Transcribe): pre-norm, attention to itself and to the encoder. */
export function nemoDecoderLayer(classes: string, sizes: DecoderSizes, bias: boolean): Module {
  const { width, inner, heads, kvHeads, headDim } = sizes;
  const attend = (name: string, over: "self" | "cross") =>
    attention(`${classes}${over === "self" ? "Self" : "Cross"}Attention`, name, {
      width,
      heads,
      kvHeads,
      headDim,
      names: [
        ["q", "q_proj"],
        ["k", "k_proj"],
        ["v", "v_proj"],
        ["o", "o_proj"],
      ],
      bias,
      over,
      span: over === "self" ? { kind: "causal" } : { kind: "full" },
      scores: "fp32-softmax",
      cached: true,
    });
  return module(
    `${classes}DecoderLayer`,
    "layers",
    [
      attend("self_attn", "self"),
      attend("encoder_attn", "cross"),
      module(`${classes}DecoderMLP`, "mlp", feedForwardPair(width, inner), {
        op: { kind: "feed-forward", width, inner, gated: false },
      }),
      layerNorm("input_layernorm", width),
      layerNorm("post_attention_layernorm", width),
      layerNorm("final_layernorm", width),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "self_attn" }, { run: "encoder_attn" }, { run: "mlp" }],
      },
    },
  );
}
