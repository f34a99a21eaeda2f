import { attention } from "../layers/attention.ts";
import { conv } from "../layers/conv.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm, rmsNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";

export interface InternVisionOptions {
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly channels: number;
  /** Height and width of a patch. */
  readonly patch: readonly [number, number];
  readonly patches: number;
  readonly bias: boolean;
  readonly normedQueries: boolean;
  readonly norm: "layer" | "rms";
  readonly maskToken: boolean;
  readonly positions: boolean;
  /** Whether a norm follows the last layer. */
  readonly finalNorm: boolean;
}

/**
 * InternViT: a vision transformer with a learned scale per channel after every block.
 * Source: transformers 5.18, `models/internvl/modeling_internvl.py`.
 */
export function internVision(name: string, options: InternVisionOptions): Module {
  const { width, inner, layers, heads, channels, patch, patches } = options;
  const norm = (own: string) =>
    options.norm === "rms" ? rmsNorm(own, width) : layerNorm(own, width);
  const own = (parameter: string, shape: readonly number[]) => ({ name: parameter, shape });
  const layer = module(
    "InternVLVisionLayer",
    "layer",
    [
      attention("InternVLVisionAttention", "attention", {
        width,
        heads,
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "projection_layer"],
        ],
        bias: { q: options.bias, k: options.bias, v: options.bias },
        extra: options.normedQueries
          ? ["q_norm", "k_norm"].map((each) => rmsNorm(each, width, "InternVLVisionRMSNorm"))
          : [],
        span: { kind: "full" },
        scores: "scaled-copy",
        cached: false,
      }),
      plainFeedForward("InternVLVisionMLP", "mlp", width, inner),
      norm("layernorm_before"),
      norm("layernorm_after"),
    ],
    {
      tensors: [own("lambda_1", [width]), own("lambda_2", [width])],
      op: { kind: "layer", width, blocks: [{ run: "attention" }, { run: "mlp" }] },
    },
  );
  return module(
    "InternVLVisionModel",
    name,
    [
      module(
        "InternVLVisionEmbeddings",
        "embeddings",
        [
          module("InternVLVisionPatchEmbeddings", "patch_embeddings", [
            conv("projection", channels, width, patch),
          ]),
        ],
        {
          tensors: [
            own("cls_token", [1, 1, width]),
            ...(options.maskToken ? [own("mask_token", [1, 1, width])] : []),
            ...(options.positions ? [own("position_embeddings", [1, patches + 1, width])] : []),
          ],
        },
      ),
      module("InternVLVisionEncoder", "encoder", [stack(upTo(layers), layer)]),
      options.finalNorm ? layerNorm("layernorm", width) : undefined,
    ],
    { component: "vision_encoder", op: { kind: "tower", side: "encoder", width, reads: "images" } },
  );
}
