import { conv1d } from "../layers/conv.ts";
import { convTranspose1d } from "../layers/weight-norm-conv.ts";
import { type Module, module } from "../tree/module.ts";
import { runsOf } from "./wav2vec2-features.ts";

export interface HifiGanSizes {
  /** Width of what comes in: mel bins. */
  readonly inputs: number;
  /** Channels before the first upsampling, which halves them, as every one does. */
  readonly channels: number;
  /** Kernel of each upsampling. */
  readonly upsamplings: readonly number[];
  /** Residual blocks after each upsampling: kernel and number of dilations. */
  readonly blocks: readonly { readonly kernel: number; readonly dilations: number }[];
  /** On the last convolution; there is one unless it says otherwise. */
  readonly lastBias?: boolean;
}

/** Kernels of the first and the last convolution (Kong et al. 2020, and every implementation since). */
const OUTER_KERNEL = 7;

/** HiFi-GAN's generator (Kong et al. 2020): mel frames to samples; weight norms are folded in, as after training. */
export function hifiGan(sizes: HifiGanSizes): Module[] {
  const { inputs, channels, upsamplings, blocks } = sizes;
  const after = (stages: number) => Math.floor(channels / 2 ** stages);
  const stages = upsamplings.map((_, i) => i + 1);
  return [
    conv1d("conv_pre", inputs, channels, OUTER_KERNEL),
    ...runsOf(
      upsamplings.map((kernel, i) => convTranspose1d("upsampler", after(i), after(i + 1), kernel)),
    ),
    ...runsOf(
      stages.flatMap((stage) => {
        const width = after(stage);
        return blocks.map(({ kernel, dilations }) =>
          module("HifiGanResidualBlock", "resblocks", [
            ...["convs1", "convs2"].flatMap((name) =>
              runsOf(Array.from({ length: dilations }, () => conv1d(name, width, width, kernel))),
            ),
          ]),
        );
      }),
    ),
    conv1d("conv_post", after(upsamplings.length), 1, OUTER_KERNEL, {
      bias: sizes.lastBias ?? true,
    }),
  ];
}
