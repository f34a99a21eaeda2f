import { follow, type Step } from "../step.ts";

export { follow, type Step } from "../step.ts";

/**
 * From seconds to tokens, as data: a chain of steps that every family states for itself and that the report prints
 * ("30 s → 3,000 frames → 1,500 positions → 750 tokens").
 */
export interface AudioGeometry {
  /** Samples per second that the feature extractor works with. */
  readonly sampleRate: number;
  /** Features per frame: mel bins, or 1 for raw samples. */
  readonly bins: number;
  /** The processor hands out a mask of the frames, 8 bytes each, that stays alive with them; every decoding step sums it up. */
  readonly masked?: true | "summed";
  /** Samples to frames. */
  readonly framing: readonly Step[];
  /** Frames to encoder positions. */
  readonly encoding: readonly Step[];
  /** Encoder positions to tokens in the language model; undefined where the decoder cross-attends instead. */
  readonly pooling?: readonly Step[];
  /** The stretch that the encoder sees at once; undefined: the whole recording. */
  readonly window?: AudioWindow;
  /** No more than this many encoder positions exist (a table of positions). */
  readonly maxPositions?: number;
  /** The processor cuts off what comes after this many samples. */
  readonly maxSamples?: number;
  /** The item with which vLLM measures the encoder, where it is not the longest that the window or the processor allow. */
  readonly profiled?: ProfiledItem;
}

/** vLLM's dummy audio (`get_dummy_mm_data`), and how many items a prompt may have where the model allows no more. */
export interface ProfiledItem {
  /** "context": as long as fills the whole context. */
  readonly seconds?: number | "context";
  readonly limit?: number;
}

export interface AudioWindow {
  readonly samples: number;
  /** Whether a shorter stretch is padded to the whole window before it is encoded. */
  readonly padded: boolean;
  /** Whether the padding becomes tokens too. */
  readonly tokensFromPadding: boolean;
  /**
   * What happens to a recording that is longer: its windows run one after the other (the memory of one is reused),
   * together as a batch, or the rest is cut off.
   */
  readonly longer: "sequential" | "batched" | "truncated";
}

/** What a recording becomes. Per sequence, except where a name says window. */
export interface AudioLengths {
  readonly seconds: number;
  readonly samples: number;
  /** Windows of the recording. */
  readonly windows: number;
  /** Windows that are in memory together. */
  readonly concurrentWindows: number;
  readonly windowSamples: number;
  readonly windowFrames: number;
  readonly windowPositions: number;
  /** Frames of the whole recording. */
  readonly frames: number;
  /** Encoder positions of all windows in memory together. */
  readonly positions: number;
  /** Tokens in the language model's context; 0 where the decoder cross-attends. */
  readonly tokens: number;
  /** Seconds of the recording that the model never sees. */
  readonly cutSeconds: number;
}

/** What `seconds` of audio become under `geometry`. */
export function audioLengths(geometry: AudioGeometry, seconds: number): AudioLengths {
  const asked = Math.max(1, Math.round(seconds * geometry.sampleRate));
  const window = geometry.window;
  const kept = Math.min(
    asked,
    geometry.maxSamples ?? asked,
    window?.longer === "truncated" ? window.samples : asked,
  );
  const windows = window ? Math.ceil(kept / window.samples) : 1;
  const windowSamples = window
    ? window.padded
      ? window.samples
      : Math.min(kept, window.samples)
    : kept;
  const concurrentWindows = window?.longer === "sequential" ? 1 : windows;
  const positionsOf = (samples: number) =>
    follow(geometry.encoding, follow(geometry.framing, samples));
  const windowFrames = follow(geometry.framing, windowSamples);
  const windowPositions = follow(geometry.encoding, windowFrames);
  const tokensOf = (samples: number) =>
    geometry.pooling ? follow(geometry.pooling, positionsOf(samples)) : 0;
  const rest = window ? kept - (windows - 1) * window.samples : kept;
  const lastSamples = window?.tokensFromPadding ? window.samples : rest;
  const tokens =
    (windows > 1 && window ? (windows - 1) * tokensOf(window.samples) : 0) + tokensOf(lastSamples);
  return {
    seconds,
    samples: asked,
    windows,
    concurrentWindows,
    windowSamples,
    windowFrames,
    windowPositions,
    frames: window?.padded ? windows * windowFrames : follow(geometry.framing, kept),
    positions: concurrentWindows * windowPositions,
    tokens,
    cutSeconds: (asked - kept) / geometry.sampleRate,
  };
}

/** What an encoder that runs over `positions` positions at once makes of them (`--encoder-seq-length`). */
export function lengthsFromPositions(geometry: AudioGeometry, positions: number): AudioLengths {
  const samplesPerPosition = stride(geometry.framing) * stride(geometry.encoding);
  const samples = positions * samplesPerPosition;
  const frames = positions * stride(geometry.encoding);
  return {
    seconds: samples / geometry.sampleRate,
    samples,
    windows: 1,
    concurrentWindows: 1,
    windowSamples: samples,
    windowFrames: frames,
    windowPositions: positions,
    frames,
    positions,
    tokens: geometry.pooling ? follow(geometry.pooling, positions) : 0,
    cutSeconds: 0,
  };
}

/** How many inputs make one output. */
function stride(steps: readonly Step[]): number {
  let by = 1;
  for (const step of steps) {
    if (step.kind === "conv") by *= step.stride;
    if (step.kind === "floor" || step.kind === "ceil") by *= step.by;
    if (step.kind === "blocks") by *= stride(step.steps);
  }
  return by;
}
