import type { Dtype } from "../dtype.ts";

/** What a module must remember between two decoding steps. */
export type State =
  /** Keys and values of every position so far (or of the last `window` ones). */
  | {
      readonly kind: "kv";
      /** self: its own past; cross: the encoder's positions, computed once. */
      readonly over: "self" | "cross";
      readonly heads: number;
      readonly keyDim: number;
      readonly valueDim: number;
      /** Sliding window: no more than this many positions are needed. */
      readonly window?: number;
      /** Positions per token of the language model, for a causal encoder that keeps its own cache (1 elsewhere). */
      readonly perToken?: number;
    }
  /** Multi-head latent attention: one compressed vector per position for all heads, no separate values. */
  | { readonly kind: "latent"; readonly width: number }
  /** A state of fixed size per sequence, whatever its length (state-space and linear attention, convolutions). */
  | {
      readonly kind: "recurrent";
      readonly parts: readonly {
        readonly name: string;
        readonly shape: readonly number[];
        /** Undefined: the model's compute dtype. */
        readonly dtype?: Dtype;
        /** How tensor parallelism divides the first dimension; undefined: not at all. */
        readonly units?: number;
      }[];
    };
