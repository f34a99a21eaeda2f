import { conv2d } from "../layers/conv.ts";
import { rmsNorm } from "../layers/norm.ts";
import { type Indices, ranges } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";

/** An inverted bottleneck: depthwise convolutions of these kernel sizes before and after widening to `inner`. */
interface Bottleneck {
  readonly inputs: number;
  readonly start?: number;
  readonly inner: number;
  readonly middle?: number;
  readonly outputs: number;
}

/**
 * MobileNetV5-300M without its classifier, Gemma 3n's image encoder, as timm builds `mobilenetv5_300m_enc`
 * (huggingface/pytorch-image-models, `timm/models/mobilenetv5.py`, `_gen_mobilenet_v5`): one fixed network, whose sizes
 * no config states.
 */
export function mobileNetV5(name: string, component: Component): Module {
  const four = STAGE_WIDTHS.four;
  return module(
    "TimmWrapperModel",
    name,
    [
      module("MobileNetV5Encoder", "timm_model", [
        module("ConvNormAct", "conv_stem", [conv2d("conv", 3, STEM, 3), rmsNorm("bn", STEM)]),
        stage(0, [
          [[0], edge(STEM, 4 * STEM, STAGE_WIDTHS.one)],
          [[1, 2], edge(STAGE_WIDTHS.one, 4 * STAGE_WIDTHS.one, STAGE_WIDTHS.one)],
        ]),
        stage(1, [
          [[0], entry(STAGE_WIDTHS.one, 3, STAGE_WIDTHS.two)],
          [[1, 3], same(STAGE_WIDTHS.two, 4, 5)],
          [[2, 4], same(STAGE_WIDTHS.two, 4, 3)],
        ]),
        stage(2, [
          [[0], entry(STAGE_WIDTHS.two, 5, STAGE_WIDTHS.three)],
          [[1, 2, 3, 4, 5, 6, 7], same(STAGE_WIDTHS.three, 4, 5)],
          [[8], same(STAGE_WIDTHS.three, 1)],
          [every(9, 35), attention(STAGE_WIDTHS.three, 12, 64, true)],
          [every(10, 36), same(STAGE_WIDTHS.three, 2)],
        ]),
        stage(3, [
          [[0], entry(STAGE_WIDTHS.three, 5, four)],
          [every(1, 37), attention(four, 16, 96, false)],
          [every(2, 38), same(four, 2)],
        ]),
        module("MobileNetV5MultiScaleFusionAdapter", "msfa", [
          bottleneck("ffn", {
            inputs: STAGE_WIDTHS.three + four,
            inner: 2 * (STAGE_WIDTHS.three + four),
            outputs: FUSED,
          }),
          rmsNorm("norm", FUSED),
        ]),
      ]),
    ],
    { component },
  );
}

const STEM = 64;
const STAGE_WIDTHS = { one: 128, two: 256, three: 640, four: 1280 } as const;
const FUSED = 2048;

const every = (first: number, last: number): number[] =>
  Array.from({ length: (last - first) / 2 + 1 }, (_, i) => first + 2 * i);

function stage(index: number, blocks: readonly (readonly [readonly number[], Module])[]): Module {
  return module(
    "Sequential",
    `blocks.${index}`,
    blocks.map(([at, block]) => stack(ranges(at) satisfies Indices, block)),
  );
}

/** Convolution and norm under one name. */
const normed = (name: string, inputs: number, outputs: number, kernel: number, groups = 1) =>
  module("ConvNormAct", name, [
    conv2d("conv", inputs, outputs, kernel, { bias: false, groups }),
    rmsNorm("bn", outputs),
  ]);

const scale = (width: number): Module =>
  module("LayerScale2d", "layer_scale", [], { tensors: [{ name: "gamma", shape: [width] }] });

const edge = (inputs: number, inner: number, outputs: number): Module =>
  module("EdgeResidual", "", [
    conv2d("conv_exp", inputs, inner, 3, { bias: false }),
    rmsNorm("bn1", inner),
    conv2d("conv_pwl", inner, outputs, 1, { bias: false }),
    rmsNorm("bn2", outputs),
  ]);

/** The first block of a stage: sixfold width, and a stride in the depthwise convolution of five in its middle. */
const entry = (inputs: number, start: number, outputs: number): Module =>
  scaled({ inputs, start, inner: 6 * inputs, middle: 5, outputs });

const same = (width: number, factor: number, start?: number): Module =>
  scaled({
    inputs: width,
    inner: factor * width,
    outputs: width,
    ...(start !== undefined && { start }),
  });

function scaled(sizes: Bottleneck): Module {
  const block = bottleneck("", sizes);
  return { ...block, children: [...block.children, scale(sizes.outputs)] };
}

function bottleneck(name: string, { inputs, start, inner, middle, outputs }: Bottleneck): Module {
  return module("UniversalInvertedResidual", name, [
    start === undefined ? undefined : normed("dw_start", inputs, inputs, start, inputs),
    normed("pw_exp", inputs, inner, 1),
    middle === undefined ? undefined : normed("dw_mid", inner, inner, middle, inner),
    normed("pw_proj", inner, outputs, 1),
  ]);
}

/** Attention over positions with one key and value head, on request at half the resolution. */
function attention(width: number, heads: number, headDim: number, halved: boolean): Module {
  const side = (name: string) =>
    module("Sequential", name, [
      ...(halved
        ? [
            conv2d("down_conv", width, width, 3, { bias: false, groups: width }),
            rmsNorm("norm", width),
          ]
        : []),
      conv2d("proj", width, headDim, 1, { bias: false }),
    ]);
  return module("MobileAttention", "", [
    rmsNorm("norm", width),
    module("MultiQueryAttention2d", "attn", [
      module("Sequential", "query", [conv2d("proj", width, heads * headDim, 1, { bias: false })]),
      side("key"),
      side("value"),
      module("Sequential", "output", [conv2d("proj", heads * headDim, width, 1, { bias: false })]),
    ]),
    scale(width),
  ]);
}
