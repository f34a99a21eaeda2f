import { attention } from "../layers/attention.ts";
import { conv2d } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { rmsNormFp32 } from "../layers/norm.ts";
import type { Step } from "../step.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { FeatureMap } from "../tree/op.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";
import { conformerLayer, convolutionModule, halfFeedForward } from "./conformer.ts";

export interface UsmSizes {
  readonly bins: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly chunk: number;
  /** Positions that one sees to the left, itself included, and to the right. */
  readonly left: number;
  readonly right: number;
  readonly kernel: number;
  /** Of the two convolutions at the entry: [time, frequency]. */
  readonly channels: readonly [number, number];
  readonly kernels: readonly [Pair, Pair];
  readonly strides: readonly [Pair, Pair];
  /** Of the numbers that are kept in buffers. */
  readonly dtype: DeviceBuffer["dtype"];
}
type Pair = readonly [number, number];

/** The feed-forward's inner width in every USM conformer (`hidden_size * 4`). */
export const USM_WIDENING = 4;

export const scalarBuffer = (name: string, dtype: DeviceBuffer["dtype"]): DeviceBuffer => ({
  name,
  shape: [],
  dtype,
  persistent: false,
});

/**
 * The Universal Speech Model's conformer (Zhang et al. 2023) as Gemma 3n has it: attention in chunks that see a little
 * of the past, a causal light convolution, no biases. Source: transformers 5.18, `models/gemma3n/modeling_gemma3n.py`.
 */
export function gemma3nAudio(name: string, sizes: UsmSizes): Module {
  const { width, channels, kernels } = sizes;
  const block = (index: 0 | 1, inputs: number) =>
    module("Gemma3nAudioSSCPConvBlock", `conv_${index}`, [
      conv2d("conv", inputs, channels[index], kernels[index], { bias: false }),
      rmsNormFp32("norm", channels[index], "Gemma3nAudioCumulativeGroupNorm"),
    ]);
  return module(
    "Gemma3nAudioEncoder",
    name,
    [
      module("Gemma3nAudioSubSampleConvProjection", "subsample_conv_projection", [
        block(0, 1),
        block(1, channels[0]),
        linear("input_proj_linear", channels[1] * binsLeft(sizes), width, { bias: false }),
      ]),
      stack(upTo(sizes.layers), layer(sizes)),
    ],
    {
      component: "audio_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        servedWhole: true,
        entry: {
          kind: "conv-front-end",
          bins: sizes.bins,
          width: channels[0],
          strides: sizes.strides.map(([time]) => time),
          moments: [cumulativeNorm(sizes)],
        },
      },
    },
  );
}

/** The first convolution and its cumulative group norm, which is computed in fp32 and step by step. */
function cumulativeNorm({ bins, channels, kernels, strides }: UsmSizes): FeatureMap[] {
  const steps: readonly Step[] = [
    // Causal: padded at the end by what the kernel is longer than the stride, and cut at its own length.
    {
      kind: "conv",
      kernel: kernels[0][0],
      stride: strides[0][0],
      padding: (kernels[0][0] - 1) / 2,
    },
  ];
  const width = channels[0] * (Math.floor((bins + 2 - kernels[0][1]) / strides[0][1]) + 1);
  const fp32 = (label: string): FeatureMap => ({ label, steps, width, bytes: 4 });
  return [
    { label: "convolution", steps, width },
    { ...fp32("fp32 copy"), only: "half" },
    ...["input, channels last", "ones", "squares", "difference", "product"].map(fp32),
  ];
}

/** One mel bin of padding on either side, then the stride, twice. */
function binsLeft({ bins, kernels, strides }: UsmSizes): number {
  const after = (n: number, index: 0 | 1) =>
    Math.floor((n + 2 - kernels[index][1]) / strides[index][1]) + 1;
  return after(after(bins, 0), 1);
}

function layer(sizes: UsmSizes): Module {
  const { width } = sizes;
  const clipping = [scalarBuffer("gradient_clipping", sizes.dtype)];
  const norm = (name: string) => rmsNormFp32(name, width, "Gemma3nRMSNorm");
  const feedForward = (name: string) =>
    halfFeedForward("Gemma3nAudioConformerFeedForward", name, {
      width,
      inner: USM_WIDENING * width,
      names: ["ffw_layer_1", "ffw_layer_2"],
      bias: false,
      before: [norm("pre_layer_norm")],
      after: [norm("post_layer_norm")],
      buffers: clipping,
    });
  const { op, ...attend } = attentionCore(sizes);
  const block = conformerLayer(
    "Gemma3nAudioConformerBlock",
    "conformer",
    width,
    [
      feedForward("ffw_layer_start"),
      module(
        "Gemma3nAudioConformerAttention",
        "attention",
        [
          norm("pre_attn_norm"),
          attend,
          linear("post", width, width, { bias: false, divide: { by: "rows", units: sizes.heads } }),
          norm("post_norm"),
        ],
        { buffers: clipping, ...(op && { op }) },
      ),
      convolutionModule("Gemma3nAudioConformerLightConv1d", "lconv1d", {
        width,
        kernel: sizes.kernel,
        names: ["linear_start", "depthwise_conv1d", "linear_end"],
        bias: { pointwise: false, depthwise: false },
        matrices: true,
        before: norm("pre_layer_norm"),
        norm: norm("conv_norm"),
        buffers: clipping,
      }),
      feedForward("ffw_layer_end"),
      norm("norm"),
    ],
    ["ffw_layer_start", "attention", "lconv1d", "ffw_layer_end"],
  );
  return { ...block, buffers: clipping };
}

function attentionCore(sizes: UsmSizes): Module {
  const { width, heads, chunk, left, right } = sizes;
  const headDim = Math.floor(width / heads);
  const core = attention("Gemma3nAudioAttention", "attn", {
    ...usmAttention(sizes),
    names: [
      ["q", "q_proj"],
      ["k", "k_proj"],
      ["v", "v_proj"],
    ],
    extra: [
      module(
        "Gemma3nAudioRelativePositionEmbedding",
        "relative_position_embedding",
        [
          linear("pos_proj", width, heads * headDim, {
            bias: false,
            divide: { by: "columns", units: heads },
          }),
        ],
        { buffers: [timescales(width, "fp32")] },
      ),
    ],
  });
  const context = chunk + Math.max(0, left - 1) + right;
  return {
    ...core,
    tensors: [{ name: "per_dim_scale", shape: [headDim] }],
    buffers: [
      scalarBuffer("q_scale", sizes.dtype),
      {
        name: "local_causal_valid_mask",
        shape: [chunk, context],
        dtype: "bool",
        persistent: false,
      },
      scalarBuffer("softcap", "fp32"),
    ],
  };
}

/** What the attentions of Gemma 3n and 4 have in common. */
export const usmAttention = ({
  width,
  heads,
  left,
  right,
}: Pick<UsmSizes, "width" | "heads" | "left" | "right">) => ({
  width,
  heads,
  bias: false,
  span: { kind: "window", size: left + right, causal: right === 0 } as const,
  scores: "fp32-softmax" as const,
  cached: false,
});

export const timescales = (width: number, dtype: DeviceBuffer["dtype"]): DeviceBuffer => ({
  name: "inv_timescales",
  shape: [1, 1, Math.floor(width / 2)],
  dtype,
  persistent: false,
});
