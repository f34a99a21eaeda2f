/**
 * The lengths that memory depends on. Everything else in a formula is a number that the model or the setup fixes, so
 * a quantity is a polynomial over these axes and can be evaluated without looking at the model again.
 */
export const AXES = [
  /** Sequences that run together. */
  "batch",
  /** Audio windows of one sequence that run through the encoder together. */
  "windows",
  /** Mel frames (or feature frames) of one window. */
  "frames",
  /** Audio samples of one window. */
  "samples",
  /** Encoder positions of one window. */
  "positions",
  /** Encoder positions of all windows that the decoder attends to (cross-attention). */
  "memory",
  /** Tokens that the audio becomes in the language model's context, per sequence. */
  "audioTokens",
  /** Tokens of the prompt, audio tokens included. */
  "prompt",
  /** Tokens of the decoder's context when generation ends. */
  "context",
  /** Tokens that have keys and values by then: the last generated one is never fed back. */
  "cached",
  /** Mel frames of the whole recording, of which a long-form run holds all. */
  "recordingFrames",
] as const;
export type Axis = (typeof AXES)[number];
export type AxisValues = Readonly<Record<Axis, number>>;
