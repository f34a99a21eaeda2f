import type { AudioGeometry, Step } from "./geometry.ts";

/** The rate of every published speech encoder over raw samples (their feature extractors' `sampling_rate`). */
const SAMPLE_RATE = 16_000;

/** Raw samples through unpadded strided convolutions; the whole recording at once, however long it is. */
export function sampleGeometry(
  kernels: readonly number[],
  strides: readonly number[],
  after: readonly Step[] = [],
): AudioGeometry {
  return {
    sampleRate: SAMPLE_RATE,
    bins: 1,
    framing: [],
    encoding: [
      ...strides.map((stride, i): Step => ({ kind: "conv", kernel: kernels[i] ?? 1, stride })),
      ...after,
    ],
  };
}
