import { bytesOf } from "../../dtype.ts";
import { type Factor, type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment, Setup } from "../engine.ts";

/** The lengths of one pass through a tower, and how it is computed. */
export interface Flow {
  readonly phase: "encode" | "prefill" | "decode";
  /** Sequences that run together (an encoder's windows count as sequences of their own). */
  readonly sequences: Product;
  /** Positions that ask, in each sequence. */
  readonly queries: Factor;
  /** Positions that they attend to in their own sequence. */
  readonly keys: Factor;
  /** Encoder positions that a decoder attends to. */
  readonly memory: Factor;
  /** Queries and keys are turned by their positions, which makes new tensors of them. */
  readonly rotated?: true;
  readonly setup: Setup;
}

const batch = times("batch", "sequences");
const decoded = times("decoded", "sequences");

export const flows = (setup: Setup): Readonly<Record<Flow["phase"] | "see", Flow>> => ({
  see: {
    phase: "encode",
    sequences: [batch, times("tiles", "tiles")],
    queries: times("patches", "patches"),
    keys: times("patches", "patches"),
    memory: times(0, ""),
    setup,
  },
  encode: {
    phase: "encode",
    sequences: [batch, times("windows", "windows")],
    queries: times("positions", "positions"),
    keys: times("positions", "positions"),
    memory: times(0, ""),
    setup,
  },
  prefill: {
    phase: "prefill",
    sequences: [decoded],
    queries: prompted(setup),
    keys: prompted(setup),
    memory: times("memory", "encoder positions"),
    setup,
  },
  decode: {
    phase: "decode",
    sequences: [decoded],
    queries: setup.assistant ? times(setup.assistant.tokens + 1, "tokens") : times(1, ""),
    keys: times("cached", "tokens"),
    memory: times("memory", "encoder positions"),
    setup,
  },
});

/** An assistant's first candidates are read together with the prompt. */
const prompted = ({ assistant }: Setup): Factor =>
  assistant
    ? { of: "prompt", label: "tokens", through: [{ kind: "scale", by: 1, plus: assistant.tokens }] }
    : times("prompt", "tokens");

/** Bytes of one element of an activation. */
export const element = ({ setup }: Flow): Factor =>
  times(bytesOf(setup.compute), `B ${setup.compute}`);

export const half = ({ setup }: Flow): boolean => bytesOf(setup.compute) === 2;

/** Whether scores exist as tensors: the user asked for plain steps, or the reference knows nothing else. */
export const isEager = (op: AttentionOp, flow: Flow): boolean =>
  op.always === undefined ? flow.setup.attention === "eager" : op.always === "eager";

/** A hidden state of `width` for every position that runs. */
export const hidden = (flow: Flow, width: number): Product => [
  ...flow.sequences,
  flow.queries,
  times(width, "wide"),
  element(flow),
];

export const held = (label: string, size: Product): HeldBuffer => ({ label, size });

/** The moments of an inner module, with what its caller holds meanwhile. */
export const meanwhile = (
  buffers: readonly HeldBuffer[],
  moments: readonly Moment[],
  at: string,
): Moment[] =>
  moments.map((moment) => ({
    ...moment,
    at: [at, moment.at].filter((part) => part !== "").join("."),
    buffers: [...buffers, ...moment.buffers],
  }));

/** What one rank holds of `heads`. */
export const headsHere = (flow: Flow, heads: number): number =>
  Math.ceil(heads / flow.setup.tensorParallel);
