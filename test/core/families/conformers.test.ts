import { audioLengths, describe as describeModel } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

/** Of 1, 10, 30, 31 and 95 s. */
const SECONDS = [1, 10, 30, 31, 95];
const lengths = (config: unknown) => {
  const { audio } = describeModel(config);
  if (!audio) throw new Error("no audio");
  return SECONDS.map((seconds) => audioLengths(audio, seconds));
};
const tokens = (config: unknown) => lengths(config).map((one) => one.tokens);
const positions = (config: unknown) => lengths(config).map((one) => one.positions);

/** Each list was taken from the named function of transformers 5.18. */
describe("audio becomes as many tokens or positions as in the reference", () => {
  it("Granite Speech: GraniteSpeechFeatureExtractor._get_num_audio_features", () => {
    const projector_config = { encoder_hidden_size: 1024 };
    expect(tokens({ model_type: "granite_speech", projector_config })).toEqual([
      12, 102, 300, 312, 951,
    ]);
  });

  it("Phi-4-multimodal: Phi4MultimodalFeatureExtractor._compute_audio_embed_size", () => {
    expect(tokens({ model_type: "phi4_multimodal" })).toEqual([13, 125, 375, 388, 1188]);
  });

  it("Gemma 4: Gemma4Processor._compute_audio_num_tokens", () => {
    expect(tokens({ model_type: "gemma4", audio_config: {} })).toEqual([25, 250, 750, 750, 750]);
  });

  it("Gemma 4 unified: Gemma4UnifiedProcessor._compute_audio_num_tokens", () => {
    expect(tokens({ model_type: "gemma4_unified", audio_config: {} })).toEqual([
      25, 250, 750, 775, 2375,
    ]);
  });

  it("Gemma 3n: 97, 997 and 2,997 frames to begin with, always 188 tokens", () => {
    const config = { model_type: "gemma3n" };
    expect(lengths(config).map((one) => one.windowFrames)).toEqual([97, 997, 2997, 2997, 2997]);
    expect(tokens(config)).toEqual([188, 188, 188, 188, 188]);
  });

  it("Parakeet: ParakeetPreTrainedModel._get_subsampling_output_length", () => {
    expect(positions({ model_type: "parakeet_ctc" })).toEqual([13, 126, 376, 388, 1188]);
  });

  it("w2v-BERT: SeamlessM4TFeatureExtractor's stacked frames", () => {
    expect(positions({ model_type: "wav2vec2-bert" })).toEqual([49, 499, 1499, 1549, 4749]);
  });

  it("Seamless: SeamlessM4Tv2SpeechEncoder's output", () => {
    expect(positions({ model_type: "seamless_m4t_v2" }).slice(0, 3)).toEqual([7, 63, 188]);
  });
});
