import type { AudioGeometry, AudioWindow, Step } from "./geometry.ts";

interface CodecGeometry {
  readonly sampleRate: number;
  readonly channels: number;
  /** Strides in the encoder's order. */
  readonly strides: readonly number[];
  readonly window?: AudioWindow;
  readonly pooling?: readonly Step[];
}

/** A codec reads raw samples; every strided convolution is padded so that no sample is lost: ⌈n / stride⌉. */
export function codecGeometry(codec: CodecGeometry): AudioGeometry {
  return {
    sampleRate: codec.sampleRate,
    bins: codec.channels,
    framing: [],
    encoding: codec.strides.map((by) => ({ kind: "ceil", by })),
    ...(codec.window && { window: codec.window }),
    ...(codec.pooling && { pooling: codec.pooling }),
  };
}
