import { InputError } from "../errors.ts";
import { conv1d } from "../layers/conv.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { rmsNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";

export interface VibeVoiceTokenizerSizes {
  readonly channels: number;
  /** Width of a latent. */
  readonly width: number;
  readonly kernel: number;
  /** Width of the first stage; every further one is twice as wide. */
  readonly filters: number;
  readonly ratios: readonly number[];
  /** Layers of the first stage and of the one behind each ratio. */
  readonly depths: readonly number[];
  readonly expansion: number;
}

const PREFIX = "VibeVoiceAcousticTokenizer";

/**
 * VibeVoice's tokenizer, the half that encodes: causal convolutions that shorten and widen, ConvNeXt layers between them,
 * and continuous latents in place of codes. Source: `models/vibevoice_acoustic_tokenizer`.
 * @param field where the config keeps these sizes.
 */
export function vibeVoiceEncoder(
  sizes: VibeVoiceTokenizerSizes,
  name: string,
  component: Component,
  field: string,
): Module {
  const { channels, kernel, filters, ratios, depths } = sizes;
  if (depths.length < ratios.length + 1) {
    throw new InputError(
      "inconsistent",
      `${field}.depths has ${depths.length} numbers, but downsampling_ratios has ${ratios.length}, and there must be one more depth than ratios: correct one of them in the config.`,
      `${field}.depths`,
    );
  }
  const widthOf = (stage: number) => filters * 2 ** stage;
  if (!Number.isSafeInteger(widthOf(ratios.length) ** 2)) {
    throw new InputError(
      "inconsistent",
      `${field}.downsampling_ratios has ${ratios.length} numbers, each of which doubles num_filters ${filters}: shorten the list in the config.`,
      `${field}.downsampling_ratios`,
    );
  }
  const stage = (index: number) => stack(upTo(depths[index] ?? 0), convNext(sizes, widthOf(index)));
  return module(
    `${PREFIX}EncoderModel`,
    name,
    [
      module(`${PREFIX}EncoderStem`, "stem", [
        causalConv("conv", channels, filters, kernel),
        stage(0),
      ]),
      ...ratios.map((ratio, i) =>
        module(
          `${PREFIX}EncoderLayer`,
          "conv_layers",
          [causalConv("conv", widthOf(i), widthOf(i + 1), 2 * ratio), stage(i + 1)],
          { indices: [[i, i]] },
        ),
      ),
      causalConv("head", widthOf(ratios.length), sizes.width, kernel),
    ],
    { component },
  );
}

const causalConv = (
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  groups = 1,
): Module =>
  module(`${PREFIX}CausalConv1d`, name, [conv1d("conv", inputs, outputs, kernel, { groups })]);

function convNext({ kernel, expansion }: VibeVoiceTokenizerSizes, width: number): Module {
  const norm = (name: string) => rmsNorm(name, width, `${PREFIX}RMSNorm`);
  return module(
    `${PREFIX}ConvNext1dLayer`,
    "stage",
    [
      norm("norm"),
      norm("ffn_norm"),
      plainFeedForward(`${PREFIX}FeedForward`, "ffn", width, expansion * width, [
        "linear1",
        "linear2",
      ]),
      causalConv("mixer", width, width, kernel, width),
    ],
    {
      tensors: [
        { name: "gamma", shape: [width] },
        { name: "ffn_gamma", shape: [width] },
      ],
      op: { kind: "layer", width, blocks: [{ run: "mixer" }, { run: "ffn" }] },
    },
  );
}
