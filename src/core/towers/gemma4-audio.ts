import { attention } from "../layers/attention.ts";
import { conv2d } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm, rmsNormFp32 } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { clippable } from "./clippable-linear.ts";
import { conformerLayer, convolutionModule, halfFeedForward } from "./conformer.ts";
import {
  scalarBuffer,
  timescales,
  USM_WIDENING,
  type UsmSizes,
  usmAttention,
} from "./usm-conformer.ts";

export interface Gemma4AudioSizes
  extends Pick<
    UsmSizes,
    "width" | "layers" | "heads" | "left" | "right" | "kernel" | "channels" | "dtype"
  > {
  readonly outputs: number;
  /** Linears carry limits for their inputs and outputs. */
  readonly clipped: boolean;
}

/**
 * Gemma 4's audio encoder: Gemma 3n's with fixed strides at the entry, clipped matrices and a projection at the end.
 * Source: transformers 5.18, `models/gemma4/modeling_gemma4.py`.
 */
export function gemma4Audio(name: string, sizes: Gemma4AudioSizes): Module {
  const { width, channels, dtype } = sizes;
  const block = (index: 0 | 1, inputs: number) =>
    module("Gemma4AudioSubSampleConvProjectionLayer", `layer${index}`, [
      conv2d("conv", inputs, channels[index], 3, { bias: false }),
      layerNorm("norm", channels[index], { bias: false }),
    ]);
  return module(
    "Gemma4AudioModel",
    name,
    [
      module("Gemma4AudioSubSampleConvProjection", "subsample_conv_projection", [
        block(0, 1),
        block(1, channels[0]),
        // The bins that are left are taken to be a quarter of the first convolution's channels, as the reference does.
        linear("input_proj_linear", Math.floor(channels[0] / 4) * channels[1], width, {
          bias: false,
        }),
      ]),
      module("Gemma4AudioRelPositionalEncoding", "rel_pos_enc", [], {
        buffers: [timescales(width, dtype)],
      }),
      stack(upTo(sizes.layers), layer(sizes)),
      linear("output_proj", width, sizes.outputs),
    ],
    {
      component: "audio_encoder",
      op: { kind: "tower", side: "encoder", width, servedWhole: true },
    },
  );
}

function layer(sizes: Gemma4AudioSizes): Module {
  const { width, heads, clipped, dtype } = sizes;
  const norm = (name: string) => rmsNormFp32(name, width, "Gemma4RMSNorm");
  const clip = (inner: Module, keep: readonly string[] = []) =>
    clippable(inner, clipped, dtype, keep);
  const feedForward = (name: string) =>
    clip(
      halfFeedForward("Gemma4AudioFeedForward", name, {
        width,
        inner: USM_WIDENING * width,
        names: ["ffw_layer_1", "ffw_layer_2"],
        bias: false,
        after: [norm("pre_layer_norm"), norm("post_layer_norm")],
      }),
    );
  const headDim = Math.floor(width / heads);
  const attend: Module = {
    ...clip(
      attention("Gemma4AudioAttention", "self_attn", {
        ...usmAttention(sizes),
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "post"],
        ],
        extra: [
          linear("relative_k_proj", width, heads * headDim, {
            bias: false,
            divide: { by: "columns", units: heads },
          }),
        ],
      }),
      ["relative_k_proj"],
    ),
    tensors: [{ name: "per_dim_scale", shape: [headDim] }],
    buffers: [scalarBuffer("softcap", dtype)],
  };
  return conformerLayer(
    "Gemma4AudioLayer",
    "layers",
    width,
    [
      feedForward("feed_forward1"),
      feedForward("feed_forward2"),
      attend,
      clip(
        convolutionModule("Gemma4AudioLightConv1d", "lconv1d", {
          width,
          kernel: sizes.kernel,
          names: ["linear_start", "depthwise_conv1d", "linear_end"],
          bias: { pointwise: false, depthwise: false },
          matrices: true,
          before: norm("pre_layer_norm"),
          norm: norm("conv_norm"),
        }),
      ),
      norm("norm_pre_attn"),
      norm("norm_post_attn"),
      norm("norm_out"),
    ],
    ["feed_forward1", "self_attn", "lconv1d", "feed_forward2"],
  );
}
