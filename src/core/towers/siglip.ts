import { attention } from "../layers/attention.ts";
import { conv } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";

const PROJECTIONS = [
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["q", "q_proj"],
  ["o", "out_proj"],
] as const;

export interface VisionTransformerSizes {
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly channels: number;
  /** Side of the square image and of its patches, in pixels. */
  readonly imageSize: number;
  readonly patch: number;
}

interface SiglipOptions extends VisionTransformerSizes {
  readonly name: string;
  /** Prefix of the class names in the reference implementation. */
  readonly classes?: string;
  readonly component?: Component;
  /** Attention pooling after the last layer, which most language models do without (`vision_use_head`). */
  readonly withHead: boolean;
  /** Where images keep their own size, positions are looked up anew for each (NaViT) and no numbers are kept. */
  readonly anySize?: boolean;
}

/**
 * SigLIP's image encoder (Zhai et al. 2023): non-overlapping patches, a learned table of positions, pre-norm layers with
 * full attention. Images all have one size, so it keeps its position numbers as a buffer.
 * Source: transformers 5.18, `models/siglip/modeling_siglip.py`.
 */
export function siglipVision(options: SiglipOptions): Module {
  const { name, classes = "Siglip", component = "vision_encoder", withHead } = options;
  const { width, inner, heads, layers, channels, imageSize, patch } = options;
  const positions = patches(imageSize, patch);
  return module(
    `${classes}VisionModel`,
    name,
    [
      module(
        `${classes}VisionEmbeddings`,
        "embeddings",
        [
          conv("patch_embedding", channels, width, [patch, patch]),
          embedding("position_embedding", positions, width),
        ],
        options.anySize
          ? {}
          : {
              buffers: [
                { name: "position_ids", shape: [1, positions], dtype: "int64", persistent: false },
              ],
            },
      ),
      module(`${classes}Encoder`, "encoder", [
        stack(upTo(layers), visionLayer(classes, { width, inner, heads })),
      ]),
      layerNorm("post_layernorm", width),
      withHead ? poolingHead(classes, width, inner) : undefined,
    ],
    { component, op: { kind: "tower", side: "encoder", width, reads: "images" } },
  );
}

/** How many patches an image of `side` × `side` pixels has. */
export const patches = (side: number, patch: number): number => Math.floor(side / patch) ** 2;

/**
 * A layer of SigLIP or CLIP: norm, attention, norm, feed-forward; all with biases.
 * @param options.normsLast CLIP registers each norm after the block that it stands before.
 * @param options.quick its activation is the quick GELU.
 */
export function visionLayer(
  classes: string,
  { width, inner, heads }: Pick<VisionTransformerSizes, "width" | "inner" | "heads">,
  { normsLast = false, quick = false } = {},
): Module {
  const norm = (name: string, block: Module) =>
    normsLast ? [block, layerNorm(name, width)] : [layerNorm(name, width), block];
  return module(
    `${classes}EncoderLayer`,
    "layers",
    [
      ...norm(
        "layer_norm1",
        attention(`${classes}Attention`, "self_attn", {
          width,
          heads,
          names: PROJECTIONS,
          span: { kind: "full" },
          scores: "fp32-softmax",
          cached: false,
        }),
      ),
      ...norm("layer_norm2", feedForward(`${classes}MLP`, width, inner, quick)),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
}

function feedForward(className: string, width: number, inner: number, quick: boolean): Module {
  const plain = plainFeedForward(className, "mlp", width, inner);
  return quick && plain.op?.kind === "feed-forward"
    ? { ...plain, op: { ...plain.op, quick: true } }
    : plain;
}

/** One learned query that attends to all patches. */
function poolingHead(classes: string, width: number, inner: number): Module {
  return module(
    `${classes}MultiheadAttentionPoolingHead`,
    "head",
    [
      module("MultiheadAttention", "attention", [linear("out_proj", width, width)], {
        tensors: [
          { name: "in_proj_weight", shape: [3 * width, width] },
          { name: "in_proj_bias", shape: [3 * width] },
        ],
      }),
      layerNorm("layernorm", width),
      plainFeedForward(`${classes}MLP`, "mlp", width, inner),
    ],
    { tensors: [{ name: "probe", shape: [1, 1, width] }] },
  );
}
