import { attention } from "../layers/attention.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { rmsNormFp32 } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";
import { clippable } from "./clippable-linear.ts";

export interface Gemma4VisionSizes {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly inner: number;
  readonly patch: number;
  /** Rows of the table of positions, one table for each direction. */
  readonly positions: number;
  readonly clipped: boolean;
  /** The result is standardised with a stored mean and scale. */
  readonly standardized: boolean;
  readonly dtype: DeviceBuffer["dtype"];
}

/**
 * Gemma 4's image encoder: patches as matrices, two tables of positions, and layers in the shape of its text layers with
 * full attention and axial rotary positions. Source: transformers 5.18, `models/gemma4/modeling_gemma4.py`.
 */
export function gemma4Vision(name: string, sizes: Gemma4VisionSizes): Module {
  const { width, headDim, patch, positions, dtype } = sizes;
  return module(
    "Gemma4VisionModel",
    name,
    [
      module(
        "Gemma4VisionPatchEmbedder",
        "patch_embedder",
        [linear("input_proj", 3 * patch ** 2, width, { bias: false })],
        { tensors: [{ name: "position_embedding_table", shape: [2, positions, width] }] },
      ),
      module("Gemma4VisionEncoder", "encoder", [
        // Each direction rotates half of a head.
        rotary("rotary_emb", "Gemma4VisionRotaryEmbedding", axial(headDim)),
        stack(upTo(sizes.layers), layer(sizes)),
      ]),
    ],
    {
      component: "vision_encoder",
      op: { kind: "tower", side: "encoder", width, reads: "images", handsOnWidth: width },
      buffers: sizes.standardized
        ? ["std_bias", "std_scale"].map((buffer) => ({
            name: buffer,
            shape: [width],
            dtype,
            persistent: true,
          }))
        : [],
    },
  );
}

/** `arange(0, head_dim // 2, 2)` has this half as its length. */
const axial = (headDim: number): number => 2 * Math.ceil(Math.floor(headDim / 2) / 2);

function layer(sizes: Gemma4VisionSizes): Module {
  const { width, heads, kvHeads, headDim, inner, clipped, dtype } = sizes;
  const norm = (name: string, of = width) => rmsNormFp32(name, of, "Gemma4RMSNorm");
  return module(
    "Gemma4VisionEncoderLayer",
    "layers",
    [
      clippable(
        attention("Gemma4VisionAttention", "self_attn", {
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
          bias: false,
          extra: [norm("q_norm", headDim), norm("k_norm", headDim)],
          span: { kind: "full" },
          scores: "fp32-softmax",
          cached: false,
        }),
        clipped,
        dtype,
      ),
      clippable(gatedFeedForward("Gemma4VisionMLP", "mlp", width, inner), clipped, dtype),
      norm("input_layernorm"),
      norm("post_attention_layernorm"),
      norm("pre_feedforward_layernorm"),
      norm("post_feedforward_layernorm"),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
}
