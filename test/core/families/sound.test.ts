import {
  audioLengths,
  describe as describeModel,
  deviceBuffers,
  InputError,
  type Module,
} from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

const audioOf = (config: unknown) => {
  const { audio } = describeModel(config);
  if (!audio) throw new Error("no audio");
  return audio;
};

/** Every module below and including `root`, with its path. */
const all = (root: Module, path = ""): [string, Module][] => {
  const own = [path, root.name].filter((part) => part !== "").join(".");
  return [[own, root], ...root.children.flatMap((child) => all(child, own))];
};

describe("codecs: frames of audio", () => {
  // Shapes of `encode(...).audio_codes` for that many zeros (transformers 5.18), DAC's padded to a whole hop.
  it.each([
    ["EnCodec 24 kHz", { model_type: "encodec" }, 1, 75],
    ["EnCodec 24 kHz", { model_type: "encodec" }, 30.01, 2251],
    [
      "EnCodec 32 kHz",
      { model_type: "encodec", sampling_rate: 32000, upsampling_ratios: [8, 5, 4, 4] },
      30.01,
      1501,
    ],
    ["DAC 44.1 kHz", { model_type: "dac", sampling_rate: 44100 }, 1, 87],
    ["DAC 44.1 kHz", { model_type: "dac", sampling_rate: 44100 }, 30, 2584],
    ["DAC 16 kHz", { model_type: "dac", downsampling_ratios: [2, 4, 5, 8] }, 30, 1500],
  ])("%s: %s for %d s", (_name, config, seconds, frames) => {
    expect(audioLengths(audioOf(config), seconds).positions).toBe(frames);
  });

  it("EnCodec's 48 kHz chunks run one after the other", () => {
    const audio = audioOf({ model_type: "encodec", sampling_rate: 48000, chunk_length_s: 1 });
    expect(audioLengths(audio, 30)).toMatchObject({ concurrentWindows: 1, windowPositions: 150 });
  });

  // MimiModel.get_encoded_length
  it.each([
    [1, 13],
    [10, 125],
    [30, 375],
    [31, 388],
    [95, 1188],
  ])("Mimi gives the language model 12.5 tokens a second: %d s, %d tokens", (seconds, tokens) => {
    expect(audioLengths(audioOf({ model_type: "kyutai_speech_to_text" }), seconds).tokens).toBe(
      tokens,
    );
  });
});

describe("what is remembered", () => {
  it("kyutai-stt: a sliding window in the language model and one in the codec's encoder, at twice the rate", () => {
    const modules = all(describeModel({ model_type: "kyutai_speech_to_text" }).root);
    expect(modules.flatMap(([path, { state }]) => (state ? [[path, state]] : []))).toEqual([
      [
        "model.layers.self_attn",
        { kind: "kv", over: "self", heads: 32, keyDim: 64, valueDim: 64, window: 375 },
      ],
      [
        "codec_model.encoder_transformer.layers.self_attn",
        { kind: "kv", over: "self", heads: 8, keyDim: 64, valueDim: 64, window: 250, perToken: 2 },
      ],
    ]);
  });

  it("csm: the backbone's whole past and one frame in the depth decoder; the codec keeps nothing", () => {
    const modules = all(describeModel({ model_type: "csm" }).root);
    const kept = modules.flatMap(([path, { state }]) => (state ? [[path, state]] : []));
    expect(kept).toHaveLength(2);
    expect(kept[1]).toEqual([
      "depth_decoder.model.layers.self_attn",
      { kind: "kv", over: "self", heads: 2, keyDim: 128, valueDim: 128, window: 32 },
    ]);
  });

  it("dia and musicgen attend to the text as well; musicgen_melody does not", () => {
    const cross = (config: object) =>
      all(describeModel(config).root).filter(
        ([, { state }]) => state?.kind === "kv" && state.over === "cross",
      ).length;
    const parts = { text_encoder: { model_type: "t5" }, audio_encoder: { model_type: "encodec" } };
    expect(cross({ model_type: "dia" })).toBe(1);
    expect(cross({ model_type: "musicgen", ...parts })).toBe(1);
    expect(cross({ model_type: "musicgen_melody", ...parts })).toBe(0);
  });
});

it("kyutai-stt keeps its codec in fp32", () => {
  const { root } = describeModel({ model_type: "kyutai_speech_to_text" });
  const codec = all(root).filter(([path]) => path.startsWith("codec_model."));
  expect(codec.every(([, { tensors }]) => tensors.every(({ dtype }) => dtype === "fp32"))).toBe(
    true,
  );
  expect(deviceBuffers(root).some(({ dtype }) => dtype === "model")).toBe(false);
});

describe("configs that cannot be", () => {
  it.each([
    ["codebook_size", { model_type: "encodec", codebook_size: 1000 }],
    ["norm_type", { model_type: "encodec", norm_type: "batch_norm" }],
    ["upsampling_ratios", { model_type: "encodec", upsampling_ratios: Array(40).fill(2) }],
    ["target_bandwidths", { model_type: "encodec", target_bandwidths: [1e300] }],
    ["target_bandwidths", { model_type: "encodec", target_bandwidths: [-1] }],
    ["frame_rate", { model_type: "mimi", frame_rate: 0 }],
    ["frame_rate", { model_type: "mimi", frame_rate: 50 }],
    ["upsample_kernel_sizes", { model_type: "vits", upsample_kernel_sizes: [16] }],
    ["num_semantic_quantizers", { model_type: "mimi", num_quantizers: 1 }],
    ["upsample_groups", { model_type: "mimi", upsample_groups: 500 }],
    ["ffn_dim", { model_type: "kyutai_speech_to_text", ffn_dim: 11265 }],
    ["codec_config.model_type", { model_type: "csm", codec_config: { model_type: "snac" } }],
    ["text_encoder", { model_type: "musicgen" }],
    ["feed_forward_proj", { model_type: "t5", feed_forward_proj: "gelu-gated" }],
    [
      "decoder_config.num_key_value_heads",
      { model_type: "dia", decoder_config: { num_key_value_heads: 5 } },
    ],
    [
      "fine_acoustics_config.n_codes_given",
      { model_type: "bark", fine_acoustics_config: { n_codes_given: 9 } },
    ],
  ])("names %s", (path, config) => {
    let thrown: unknown;
    try {
      describeModel(config);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(InputError);
    expect((thrown as InputError).path).toBe(path);
  });
});
