import { attention } from "../layers/attention.ts";
import { conv } from "../layers/conv.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { VisionTransformerSizes } from "./siglip.ts";

/**
 * Pixtral's image encoder (Agrawal et al. 2024): Llama-like layers over patches with two-dimensional rotary positions,
 * without any bias; images keep their size. Source: transformers 5.18, `models/pixtral/modeling_pixtral.py`.
 */
export function pixtralVision(name: string, sizes: VisionTransformerSizes): Module {
  const { width, inner, heads, layers, channels, patch } = sizes;
  const norm = (own: string) => rmsNorm(own, width, "PixtralRMSNorm");
  const layer = module(
    "PixtralAttentionLayer",
    "layers",
    [
      norm("attention_norm"),
      gatedFeedForward("PixtralMLP", "feed_forward", width, inner),
      attention("PixtralAttention", "attention", {
        width,
        heads,
        names: [
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["q", "q_proj"],
          ["o", "o_proj"],
        ],
        bias: false,
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: false,
        habits: { packed: "masked" },
      }),
      norm("ffn_norm"),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "attention" }, { run: "feed_forward" }] } },
  );
  return module(
    "PixtralVisionModel",
    name,
    [
      conv("patch_conv", channels, width, [patch, patch], { bias: false }),
      norm("ln_pre"),
      module("PixtralTransformer", "transformer", [stack(upTo(layers), layer)]),
      rotary(
        "patch_positional_embedding",
        "PixtralVisionRotaryEmbedding",
        Math.floor(width / heads),
      ),
    ],
    {
      component: "vision_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        reads: "images",
        rotary: Math.floor(width / heads),
      },
    },
  );
}
