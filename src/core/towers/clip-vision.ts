import { conv } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { patches, type VisionTransformerSizes, visionLayer } from "./siglip.ts";

/**
 * CLIP's image encoder (Radford et al. 2021): patches without a bias, a class vector before them, a table of positions.
 * Source: transformers 5.18, `models/clip/modeling_clip.py`.
 */
export function clipVision(
  name: string,
  sizes: VisionTransformerSizes & { readonly quick: boolean },
): Module {
  const { width, inner, heads, layers, channels, imageSize, patch } = sizes;
  const positions = patches(imageSize, patch) + 1;
  return module(
    "CLIPVisionModel",
    name,
    [
      module(
        "CLIPVisionEmbeddings",
        "embeddings",
        [
          conv("patch_embedding", channels, width, [patch, patch], { bias: false }),
          embedding("position_embedding", positions, width),
        ],
        {
          tensors: [{ name: "class_embedding", shape: [width] }],
          buffers: [
            { name: "position_ids", shape: [1, positions], dtype: "int64", persistent: false },
          ],
        },
      ),
      layerNorm("pre_layrnorm", width),
      module("CLIPEncoder", "encoder", [
        stack(
          upTo(layers),
          visionLayer("CLIP", { width, inner, heads }, { normsLast: true, quick: sizes.quick }),
        ),
      ]),
      layerNorm("post_layernorm", width),
    ],
    { component: "vision_encoder", op: { kind: "tower", side: "encoder", width, reads: "images" } },
  );
}
