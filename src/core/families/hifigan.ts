import { dimension, list, or, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { hifiGan } from "../towers/hifigan.ts";
import { module } from "../tree/module.ts";
import type { Family } from "./family.ts";

/** SpeechT5HifiGanConfig (transformers 5.18). */
const read = reader(() => ({
  model_in_dim: or(dimension(), 80),
  upsample_initial_channel: or(dimension(), 512),
  upsample_rates: or(list(dimension()), [4, 4, 4, 4]),
  upsample_kernel_sizes: or(list(dimension()), [8, 8, 8, 8]),
  resblock_kernel_sizes: or(list(dimension()), [3, 7, 11]),
  resblock_dilation_sizes: or(list(list(dimension())), [
    [1, 3, 5],
    [1, 3, 5],
    [1, 3, 5],
  ]),
}));

/** The vocoder of SpeechT5. Source: transformers 5.18, `models/speecht5/modeling_speecht5.py`. */
export const speechT5HifiGan: Family = {
  name: "hifigan",
  modelTypes: ["hifigan", "speecht5_hifigan"],
  architectures: ["SpeechT5HifiGan"],
  purpose: "mel frames to samples",
  describe(raw, context) {
    const config = read(raw, context);
    const { model_in_dim: inputs, upsample_initial_channel: channels } = config;
    const stages = Math.min(config.upsample_rates.length, config.upsample_kernel_sizes.length);
    const dilations = config.resblock_dilation_sizes;
    if (stages === 0 || channels < 2 ** stages) {
      throw new InputError(
        "inconsistent",
        `upsample_rates and upsample_kernel_sizes state ${stages} upsamplings, but there must be one or more and each halves the ${channels} channels of upsample_initial_channel: correct them in the config.`,
        "upsample_rates",
      );
    }
    const root = module(
      "SpeechT5HifiGan",
      "",
      hifiGan({
        inputs,
        channels,
        upsamplings: config.upsample_kernel_sizes.slice(0, stages),
        blocks: config.resblock_kernel_sizes
          .slice(0, dilations.length)
          .map((kernel, i) => ({ kernel, dilations: dilations[i]?.length ?? 0 })),
      }),
      {
        component: "vocoder",
        buffers: ["mean", "scale"].map((name) => ({
          name,
          shape: [inputs],
          dtype: "model" as const,
          persistent: true,
        })),
      },
    );
    return {
      type: "text-to-speech",
      root,
      audio: undefined,
      context: { max: undefined, hard: false, preset: 0, prompt: undefined },
    };
  },
};
