import { attention } from "../layers/attention.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { patches, type VisionTransformerSizes } from "./siglip.ts";

interface Sizes extends VisionTransformerSizes {
  /** Widths of the two matrices after the merging of patches. */
  readonly adapterIn: number;
  readonly adapterOut: number;
}

/**
 * Llama 4's image encoder: unfolded patches, a class vector after them, a table of positions besides rotary ones that
 * are kept as complex numbers, and an adapter on merged patches.
 * Source: transformers 5.18, `models/llama4/modeling_llama4.py`.
 */
export function llama4Vision(name: string, sizes: Sizes): Module {
  const { width, inner, heads, layers, channels, imageSize, patch } = sizes;
  const positions = patches(imageSize, patch) + 1;
  const half = Math.floor(width / heads / 2);
  // Two halves, each twice as long as there are frequencies, of which every other value is kept.
  const angles = 2 * Math.min(Math.ceil(half / 2), Math.floor(half / 2));
  const layer = module(
    "Llama4VisionEncoderLayer",
    "layers",
    [
      attention("Llama4VisionAttention", "self_attn", {
        width,
        heads,
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "o_proj"],
        ],
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: false,
        habits: { turns: "fp32" },
      }),
      plainFeedForward("Llama4VisionMLP", "mlp", width, inner),
      layerNorm("input_layernorm", width),
      layerNorm("post_attention_layernorm", width),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
  return module(
    "Llama4VisionModel",
    name,
    [
      module("Llama4UnfoldConvolution", "patch_embedding", [
        linear("linear", channels * patch ** 2, width, { bias: false }),
      ]),
      module("Llama4VisionRotaryEmbedding", "rotary_embedding", [], {
        buffers: [
          // Complex64: a real and an imaginary fp32.
          { name: "freqs_ci", shape: [positions, 1, angles, 2], dtype: "fp32", persistent: false },
        ],
      }),
      layerNorm("layernorm_pre", width),
      layerNorm("layernorm_post", width),
      module("Llama4VisionEncoder", "model", [stack(upTo(layers), layer)]),
      module("Llama4VisionPixelShuffleMLP", "vision_adapter", [
        module("Llama4VisionMLP2", "mlp", [
          linear("fc1", inner, sizes.adapterIn, { bias: false }),
          linear("fc2", sizes.adapterOut, sizes.adapterOut, { bias: false }),
        ]),
      ]),
    ],
    {
      component: "vision_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        reads: "images",
        handsOnWidth: sizes.adapterOut,
      },
      tensors: [
        { name: "class_embedding", shape: [width] },
        { name: "positional_embedding_vlm", shape: [positions, width] },
      ],
    },
  );
}
