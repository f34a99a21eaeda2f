import { bytesOf } from "../../dtype.ts";
import type { Module } from "../../tree/module.ts";
import type { State } from "../../tree/state.ts";
import { walk } from "../../tree/walk.ts";
import type { Setup } from "../engine.ts";
import type { Rules } from "./rules.ts";

/** Layers that share a kind of cache: one entry of vLLM's KVCacheSpec. */
export interface CacheSpec {
  readonly kind: "full" | "sliding" | "cross" | "latent" | "recurrent";
  readonly layers: number;
  readonly window?: number;
  /** Bytes that one layer keeps per token; 0 for recurrent states. */
  readonly perToken: number;
  /** Bytes of one layer's state, for recurrent ones. */
  readonly perSequence: number;
}

/** Groups that draw blocks from one pool: `size` layers each, every block `page` bytes a layer. */
export interface BlockPool {
  readonly specs: readonly (CacheSpec & { readonly blockSize: number; readonly groups: number })[];
  readonly page: number;
  /** Layers of a group: tensors in the pool. */
  readonly size: number;
}

const DEFAULT_BLOCK = 16;

/**
 * The caches by kind (`v1/kv_cache_interface.py`). Key/value heads are dealt out to ranks and repeated where there are
 * fewer; a latent is whole on every rank; bidirectional encoders have none.
 */
export function cacheSpecs(root: Module, setup: Setup): readonly CacheSpec[] {
  const byKey = new Map<string, CacheSpec>();
  walk(root, ({ state }, place) => {
    if (!state) return;
    const spec = specOf(state, place.copies, setup);
    const key = JSON.stringify({ ...spec, layers: 0 });
    byKey.set(key, { ...spec, layers: (byKey.get(key)?.layers ?? 0) + spec.layers });
  });
  return [...byKey.values()];
}

function specOf(state: State, layers: number, setup: Setup): CacheSpec {
  const size = bytesOf(setup.kvCache);
  switch (state.kind) {
    case "kv": {
      const heads = Math.max(1, Math.ceil(state.heads / setup.tensorParallel));
      const perToken = heads * (state.keyDim + state.valueDim) * size * (state.perToken ?? 1);
      const kind =
        state.over === "cross" ? "cross" : state.window === undefined ? "full" : "sliding";
      return {
        kind,
        layers,
        perToken,
        perSequence: 0,
        ...(state.window !== undefined && { window: state.window }),
      };
    }
    case "latent":
      return { kind: "latent", layers, perToken: state.width * size, perSequence: 0 };
    case "recurrent": {
      let perSequence = 0;
      for (const part of state.parts) {
        const elements = part.shape.reduce((product, n) => product * n, 1);
        const share =
          part.units === undefined ? 1 : Math.ceil(part.units / setup.tensorParallel) / part.units;
        perSequence += elements * share * bytesOf(part.dtype ?? setup.compute);
      }
      return { kind: "recurrent", layers, perToken: 0, perSequence: Math.ceil(perSequence) };
    }
    default:
      return state satisfies never;
  }
}

/**
 * One pool for all groups (`v1/core/kv_cache_utils.py`): pages are made equal by larger blocks for smaller layers (attention
 * blocks grow until they hold a recurrent state), layers of one kind are cut into groups as large as the smallest kind (or
 * the largest, where that is less than half as much again), and every group takes blocks of its own for a request.
 */
export function blockPool(specs: readonly CacheSpec[], setup: Setup): BlockPool | undefined {
  if (specs.length === 0) return undefined;
  const base = setup.server.blockSize ?? DEFAULT_BLOCK;
  const state = Math.max(0, ...specs.map(({ perSequence }) => perSequence));
  const widest = Math.max(0, ...specs.map(({ perToken }) => perToken));
  // Attention blocks are raised, in steps of the block size, until one holds the state of a recurrent layer.
  const raised =
    widest > 0 && state > 0 ? base * Math.max(1, Math.ceil(state / (base * widest))) : base;
  const page = Math.max(widest * raised, widest === 0 ? state : 0);
  const counts = specs.map(({ layers }) => layers);
  const least = Math.min(...counts);
  const most = Math.max(...counts);
  const size = most < 1.5 * least ? most : least;
  return {
    page,
    size,
    specs: specs.map((spec) => ({
      ...spec,
      blockSize: spec.perToken > 0 ? Math.max(1, Math.floor(page / spec.perToken)) : 0,
      groups: Math.ceil(spec.layers / size),
    })),
  };
}

interface Lengths {
  readonly tokens: number;
  readonly encoderPositions: number;
  /** Tokens of a batch that is being computed, for which a sliding window keeps room. */
  readonly inFlight: number;
}

/** Blocks that a request takes in all groups together. */
export function blocksPerRequest(pool: BlockPool, lengths: Lengths): number {
  let blocks = 0;
  for (const spec of pool.specs) blocks += spec.groups * blocksOf(spec, lengths);
  return blocks;
}

function blocksOf(spec: BlockPool["specs"][number], lengths: Lengths): number {
  const { tokens, encoderPositions, inFlight } = lengths;
  switch (spec.kind) {
    case "full":
    case "latent":
      return Math.ceil(tokens / spec.blockSize);
    case "sliding":
      return (
        Math.ceil(Math.min((spec.window ?? tokens) - 1 + inFlight, tokens) / spec.blockSize) + 1
      );
    case "cross":
      return Math.ceil(encoderPositions / spec.blockSize);
    case "recurrent":
      return 1;
    default:
      return spec.kind satisfies never;
  }
}

/** What vLLM assumes of the longest request when it logs a concurrency: cross-attention as long as a whole batch of tokens. */
export const worstCase = (
  maxModelLen: number,
  maxNumBatchedTokens: number,
  rules: Rules,
): Lengths => ({
  tokens: maxModelLen,
  encoderPositions: maxNumBatchedTokens,
  inFlight: maxNumBatchedTokens * rules.batchesInFlight,
});
