import { layered } from "../config/layered.ts";
import { section, within } from "../config/raw.ts";
import { count, dimension, integer, list, or, positions, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { type VibeVoiceTokenizerSizes, vibeVoiceEncoder } from "../towers/vibevoice-tokenizer.ts";
import { type Module, module } from "../tree/module.ts";
import { audioLlm, textPart } from "./audio-llm.ts";
import { type Family, sectionOf } from "./family.ts";

/** VibeVoiceAcousticTokenizerConfig (transformers 5.18). */
const readTokenizer = reader(() => ({
  channels: or(dimension(), 1),
  hidden_size: or(dimension(), 64),
  kernel_size: or(integer(1, 100_000), 7),
  num_filters: or(dimension(), 32),
  downsampling_ratios: or(list(integer(1, 100_000)), [2, 2, 4, 5, 5, 8]),
  depths: or(list(count(0)), [3, 3, 3, 3, 3, 3, 8]),
  ffn_expansion: or(integer(1, 1000), 4),
}));

const sizesOf = (config: ReturnType<typeof readTokenizer>): VibeVoiceTokenizerSizes => ({
  channels: config.channels,
  width: config.hidden_size,
  kernel: config.kernel_size,
  filters: config.num_filters,
  ratios: config.downsampling_ratios,
  depths: config.depths,
  expansion: config.ffn_expansion,
});

/** VibeVoiceAsrConfig: 60 s at a time. */
const read = reader(() => ({ acoustic_tokenizer_chunk_size: or(positions(), 1_440_000) }));

/** VibeVoiceAcousticTokenizerFeatureExtractor. */
const SAMPLE_RATE = 24_000;

const PARTS = ["acoustic", "semantic"] as const;

/**
 * VibeVoice-ASR: two tokenizers over the samples, one for sound and one for sense, whose latents are projected and added,
 * and Qwen2. Source: `models/vibevoice_asr/modeling_vibevoice_asr.py`.
 */
export const vibeVoiceAsr: Family = {
  name: "vibevoice_asr",
  modelTypes: ["vibevoice_asr"],
  architectures: ["VibeVoiceAsrForConditionalGeneration"],
  purpose: "speech recognition with speakers and times, up to an hour at once",
  describe(raw, context) {
    const config = read(raw, context);
    const text = textPart(raw, context, { type: "qwen2" });
    const tokenizers = PARTS.map((part) => {
      const key = `${part}_tokenizer_encoder_config`;
      const [found, inner] = sectionOf(raw, key, context);
      // Only where the whole section is absent is the semantic one wider than the class's default.
      const presets =
        part === "semantic" && section(raw, key, context.path) === undefined
          ? { hidden_size: 128 }
          : {};
      const sizes = sizesOf(readTokenizer(layered(found, inner, { presets }), inner));
      return { part, sizes, field: within(context.path, key) };
    });
    const hop = tokenizers[0]?.sizes.ratios.reduce((a, b) => a * b, 1) ?? 1;
    return audioLlm(raw, context, {
      class: "VibeVoiceAsrModel",
      children: [
        ...tokenizers.map(({ part, sizes, field }) =>
          vibeVoiceEncoder(sizes, `${part}_tokenizer_encoder`, "audio_encoder", field),
        ),
        module(
          "VibeVoiceAsrMultiModalProjector",
          "multi_modal_projector",
          tokenizers.flatMap(({ part, sizes }) => path(part, sizes.width, text.width)),
          {
            component: "audio_projector",
            op: { kind: "projector", widths: [text.width, text.width] },
          },
        ),
        text.backbone,
      ],
      text,
      tied: false,
      merge: { kind: "merge", checked: false, kept: true },
      audio: {
        sampleRate: SAMPLE_RATE,
        bins: 1,
        framing: [],
        encoding: [{ kind: "ceil", by: hop }],
        pooling: [],
        window: {
          samples: config.acoustic_tokenizer_chunk_size,
          padded: false,
          tokensFromPadding: false,
          longer: "sequential",
        },
      },
    });
  },
};

const path = (part: string, input: number, width: number): readonly Module[] => [
  linear(`${part}_linear_1`, input, width),
  rmsNorm(`${part}_norm`, width, "VibeVoiceAsrRMSNorm"),
  linear(`${part}_linear_2`, width, width),
];
