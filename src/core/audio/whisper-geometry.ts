import type { AudioGeometry, AudioWindow, Step } from "./geometry.ts";

/** Whisper's feature extractor: 16 kHz, a mel frame every 10 ms (openai/whisper, `audio.py`: SAMPLE_RATE, HOP_LENGTH). */
export const SAMPLE_RATE = 16_000;
export const HOP = 160;

/** Its chunks: `chunk_length` 30 s (audio.py: CHUNK_LENGTH). */
export const CHUNK = 30 * SAMPLE_RATE;

/** The second convolution (kernel 3, stride 2, padding 1) halves the frames; the first keeps them. */
export const WHISPER_CONVOLUTIONS: readonly Step[] = [
  { kind: "conv", kernel: 3, stride: 1, padding: 1 },
  { kind: "conv", kernel: 3, stride: 2, padding: 1 },
];

/**
 * Whisper's window is as long as its table of positions: 1500 positions × 2 frames × 10 ms = 30 s.
 * @param longer what the model does with more audio than that.
 */
export function whisperGeometry(
  bins: number,
  maxPositions: number,
  window: Omit<AudioWindow, "samples">,
  pooling?: readonly Step[],
): AudioGeometry {
  return {
    sampleRate: SAMPLE_RATE,
    bins,
    framing: [{ kind: "floor", by: HOP }],
    encoding: WHISPER_CONVOLUTIONS,
    window: { samples: maxPositions * 2 * HOP, ...window },
    maxPositions,
    ...(pooling && { pooling }),
  };
}
