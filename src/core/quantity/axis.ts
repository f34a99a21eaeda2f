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
  /** Encoder positions of all windows and images that the decoder attends to (cross-attention). */
  "memory",
  /** Tokens that the audio becomes in the language model's context, per sequence. */
  "audioTokens",
  /** Tokens of the prompt, those of audio and images included. */
  "prompt",
  /** Tokens of the decoder's context when generation ends. */
  "context",
  /** Tokens that have keys and values by then: the last generated one is never fed back. */
  "cached",
  /** Frames of one sequence that are held: all windows of a batch, or the recording and the window that runs. */
  "heldFrames",
  /** Tiles of all images of one sequence: what runs through the image encoder together. */
  "tiles",
  /** Encoder positions of one tile. */
  "patches",
  /** Pixels of one tile. */
  "pixels",
  /** Vectors that the images of one sequence become. */
  "features",
] as const;
export type Axis = (typeof AXES)[number];
export type AxisValues = Readonly<Record<Axis, number>>;
