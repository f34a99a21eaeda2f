import { attention } from "../layers/attention.ts";
import { conv } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { patches, type VisionTransformerSizes } from "./siglip.ts";

interface Sizes extends VisionTransformerSizes {
  /** Width of what is handed on: the last layer's output and some before it, side by side. */
  readonly out: number;
  /** Layers of the second, gated transformer. */
  readonly globalLayers: number;
  readonly tiles: number;
  /** Arrangements of tiles that have vectors of their own. */
  readonly ratios: number;
}

/**
 * Llama 3.2 Vision's image encoder: up to `tiles` tiles of an image together, with vectors for the place of each tile,
 * through a plain and a gated transformer. Source: transformers 5.18, `models/mllama/modeling_mllama.py`.
 */
export function mllamaVision(name: string, sizes: Sizes): Module {
  const { width, layers, channels, imageSize, patch, globalLayers, tiles, ratios } = sizes;
  const positions = patches(imageSize, patch) + 1;
  const gate = { name: "gate", shape: [1] };
  const tilePositions = (own: string) =>
    module(
      "MllamaPrecomputedAspectRatioEmbedding",
      own,
      [embedding("embedding", ratios + 1, tiles * width)],
      { tensors: [gate] },
    );
  const transformer = (own: string, depth: number, gated: boolean) =>
    module("MllamaVisionEncoder", own, [stack(upTo(depth), layer(sizes, gated))]);
  return module(
    "MllamaVisionModel",
    name,
    [
      conv("patch_embedding", channels, width, [patch, patch], { bias: false }),
      module(
        "MllamaPrecomputedPositionEmbedding",
        "gated_positional_embedding",
        [embedding("tile_embedding", ratios + 1, tiles * positions * width)],
        { tensors: [gate, { name: "embedding", shape: [positions, width] }] },
      ),
      tilePositions("pre_tile_positional_embedding"),
      tilePositions("post_tile_positional_embedding"),
      layerNorm("layernorm_pre", width),
      layerNorm("layernorm_post", width),
      transformer("transformer", layers, false),
      transformer("global_transformer", globalLayers, true),
    ],
    {
      component: "vision_encoder",
      tensors: [{ name: "class_embedding", shape: [width] }],
      // Outputs of all plain layers are collected, of which some are put beside the last one.
      op: {
        kind: "tower",
        side: "encoder",
        width,
        reads: "images",
        held: layers,
        handsOnWidth: sizes.out,
      },
    },
  );
}

function layer({ width, inner, heads }: Sizes, gated: boolean): Module {
  return module(
    "MllamaVisionEncoderLayer",
    "layers",
    [
      attention("MllamaVisionAttention", "self_attn", {
        width,
        heads,
        bias: false,
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "o_proj"],
        ],
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: false,
        habits: { masked: true },
      }),
      plainFeedForward("MllamaVisionMLP", "mlp", width, inner),
      layerNorm("input_layernorm", width),
      layerNorm("post_attention_layernorm", width),
    ],
    {
      ...(gated && {
        tensors: [
          { name: "gate_attn", shape: [1] },
          { name: "gate_ffn", shape: [1] },
        ],
      }),
      op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] },
    },
  );
}
