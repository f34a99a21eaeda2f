import { attention } from "../layers/attention.ts";
import { conv2d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
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

export interface SiglipVisionOptions {
  readonly name: string;
  /** Prefix of the class names: "Siglip", "Phi4MultimodalVision". */
  readonly classes: string;
  readonly component: Component;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly patch: number;
  readonly imageSize: number;
  readonly channels?: number;
  /** The attention pooling at the end. */
  readonly withHead?: boolean;
  /** Whether the embeddings keep a table of position numbers, as SigLIP's own do. */
  readonly withPositionIds?: boolean;
}

/**
 * SigLIP's image encoder (Zhai et al. 2023): patches, learned positions, pre-norm layers with full attention, and on
 * request the pooling of all positions into one by a learned query. Source: transformers 5.18, `models/siglip`.
 */
export function siglipVision(options: SiglipVisionOptions): Module {
  const { classes, width, layers, heads, inner, patch, imageSize, channels = 3 } = options;
  const positions = Math.floor(imageSize / patch) ** 2;
  const mlp = () =>
    module(`${classes}MLP`, "mlp", feedForwardPair(width, inner), {
      op: { kind: "feed-forward", width, inner, gated: false },
    });
  const layer = module(
    `${classes}EncoderLayer`,
    "layers",
    [
      layerNorm("layer_norm1", width),
      attention(`${classes}Attention`, "self_attn", {
        width,
        heads,
        names: PROJECTIONS,
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: false,
      }),
      layerNorm("layer_norm2", width),
      mlp(),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
  return module(
    `${classes}Model`,
    options.name,
    [
      module(
        `${classes}Embeddings`,
        "embeddings",
        [
          conv2d("patch_embedding", channels, width, patch),
          embedding("position_embedding", positions, width),
        ],
        options.withPositionIds
          ? {
              buffers: [
                { name: "position_ids", shape: [1, positions], dtype: "int64", persistent: false },
              ],
            }
          : {},
      ),
      module(`${classes}Encoder`, "encoder", [stack(upTo(layers), layer)]),
      layerNorm("post_layernorm", width),
      options.withHead ? pooling(classes, width, mlp()) : undefined,
    ],
    { component: options.component, op: { kind: "tower", side: "encoder", width } },
  );
}

function pooling(classes: string, width: number, mlp: Module): Module {
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
      mlp,
    ],
    { tensors: [{ name: "probe", shape: [1, 1, width] }] },
  );
}
