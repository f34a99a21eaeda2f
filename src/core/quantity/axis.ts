/**
 * The lengths that memory depends on. Everything else in a formula is a number that the model or the setup fixes, so
 * a quantity is a polynomial over these axes and can be evaluated without looking at the model again.
 */
export const AXES = [
  /** Sequences that run together. */
  "batch",
  /** Sequences that the decoder runs: the batch, times beams or alternatives. */
  "decoded",
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
  /** Frames of one sequence that are held: all windows of a batch, or the recording and the window that runs. */
  "heldFrames",
] as const;
export type Axis = (typeof AXES)[number];
export type AxisValues = Readonly<Record<Axis, number>>;
