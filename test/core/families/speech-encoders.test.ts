import {
  audioLengths,
  describe as describeModel,
  estimate,
  InputError,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const SECONDS = [1, 10, 30, 31, 95];
const model = (config: object) => describeModel(config);

/** Lengths from the reference's own feature extractors and `_get_feat_extract_output_lengths`. */
const POSITIONS: [object, readonly number[]][] = [
  [{ model_type: "wav2vec2" }, [49, 499, 1499, 1549, 4749]],
  [{ model_type: "moonshine" }, [40, 415, 1248, 1290, 3957]],
  [{ model_type: "moonshine_streaming", num_key_value_heads: 8 }, [50, 500, 1500, 1550, 4750]],
  [{ model_type: "speech_to_text" }, [25, 250, 750, 775, 2375]],
  [{ model_type: "sew" }, [24, 249, 749, 774, 2374]],
  [{ model_type: "audio-spectrogram-transformer" }, [1214, 1214, 1214, 1214, 1214]],
  [{ model_type: "clap" }, [4096, 4096, 4096, 4096, 4096]],
];

describe("positions of the encoder", () => {
  it.each(POSITIONS)("%o", (config, expected) => {
    const { audio } = model(config);
    expect(SECONDS.map((s) => audio && audioLengths(audio, s).positions)).toEqual(expected);
  });
});

it("S2T's frames are Kaldi's, without padding", () => {
  const { audio } = model({ model_type: "speech_to_text" });
  expect(SECONDS.map((s) => audio && audioLengths(audio, s).frames)).toEqual([
    98, 998, 2998, 3098, 9498,
  ]);
});

it("an encoder has neither prompt nor context", () => {
  const described = model({ model_type: "wav2vec2", architectures: ["Wav2Vec2ForCTC"] });
  expect(described.type).toBe("encoder-only");
  const { phases } = estimate(described, { audioSeconds: 60 });
  expect(phases.map(({ phase }) => phase)).toEqual(["load", "encode"]);
});

const BAD: [object, string][] = [
  [{ model_type: "wav2vec2", num_attention_heads: 7 }, "num_attention_heads"],
  [{ model_type: "wav2vec2", num_conv_pos_embedding_groups: 5 }, "num_conv_pos_embedding_groups"],
  [{ model_type: "wav2vec2", conv_dim: [512, 512] }, "conv_dim"],
  [{ model_type: "wav2vec2", feat_extract_norm: "batch" }, "feat_extract_norm"],
  [
    {
      model_type: "wav2vec2",
      architectures: ["Wav2Vec2ForPreTraining"],
      num_codevector_groups: 3,
    },
    "num_codevector_groups",
  ],
  [
    {
      model_type: "wav2vec2",
      architectures: ["Wav2Vec2ForSequenceClassification"],
      add_adapter: true,
    },
    "add_adapter",
  ],
  [
    { model_type: "wav2vec2", architectures: ["Wav2Vec2ForXVector"], tdnn_kernel: [5] },
    "tdnn_kernel",
  ],
  [
    { model_type: "hubert", architectures: ["HubertForSequenceClassification"], id2label: [1] },
    "id2label",
  ],
  [{ model_type: "wav2vec2-conformer", architectures: ["Wav2Vec2ConformerForCTC"] }, "vocab_size"],
  [
    { model_type: "wav2vec2-conformer", conv_depthwise_kernel_size: 4 },
    "conv_depthwise_kernel_size",
  ],
  [{ model_type: "speech_to_text", num_conv_layers: 3 }, "conv_kernel_sizes"],
  [{ model_type: "hifigan", upsample_rates: [] }, "upsample_rates"],
  [{ model_type: "moonshine", encoder_num_key_value_heads: 3 }, "encoder_num_key_value_heads"],
  [{ model_type: "moonshine_streaming" }, "num_key_value_heads"],
  [{ model_type: "audio-spectrogram-transformer", patch_size: 2000 }, "patch_size"],
  [{ model_type: "clap", audio_config: { patch_size: [4] } }, "audio_config.patch_size"],
  [{ model_type: "clap", audio_config: { depths: [2, 2, 6, 2, 2] } }, "audio_config.depths"],
];

describe("a config that cannot be built is refused by its field", () => {
  it.each(BAD)("%o", (config, field) => {
    try {
      model(config);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      expect((error as InputError).path).toBe(field);
    }
  });
});

it("absurd but valid sizes stay fast", () => {
  const start = performance.now();
  model({ model_type: "wavlm", num_hidden_layers: 100_000, num_buckets: 2 ** 24 });
  model({
    model_type: "speecht5",
    encoder_layers: 100_000,
    speech_decoder_postnet_layers: 100_000,
  });
  model({ model_type: "data2vec-audio", num_conv_pos_embeddings: 100_000 });
  expect(performance.now() - start).toBeLessThan(500);
});
