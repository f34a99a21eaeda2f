import type { AudioGeometry, Step } from "./geometry.ts";
import { HOP, SAMPLE_RATE } from "./whisper-geometry.ts";

/**
 * `SeamlessM4TFeatureExtractor`: Kaldi's filter banks (frames of 25 ms every 10 ms, none beyond the end), an even number of
 * them, two side by side.
 * @param features values per stacked frame.
 * @param after steps between the stacked frames and the encoder's output.
 */
export const stackedFbankGeometry = (
  features: number,
  after: readonly Step[] = [],
): AudioGeometry => ({
  sampleRate: SAMPLE_RATE,
  bins: Math.floor(features / 2),
  masked: true,
  framing: [{ kind: "conv", kernel: 400, stride: HOP }],
  encoding: [{ kind: "ceil", by: 2 }, ...after],
});
