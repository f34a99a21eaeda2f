import { bytesOf, type Dtype } from "../dtype.ts";
import { type Product, times } from "../quantity/product.ts";
import type { Component, Module } from "../tree/module.ts";
import type { State } from "../tree/state.ts";
import { walk } from "../tree/walk.ts";

/** What layers of one kind remember: a formula over the length of the cache. */
export interface Cache {
  readonly component: Component;
  readonly kind: "self" | "cross" | "recurrent";
  readonly label: string;
  /** Sliding window in tokens, where there is one. */
  readonly window?: number;
  /** Bytes when `length` positions are in the cache, of which no more than `atMost` are kept (default: the window). */
  readonly size: (length: "context" | "cached" | "prompt", atMost?: number) => readonly Product[];
}

/**
 * The caches of a model, one per component and kind of state. Keys and values: layers × (key + value width) × heads ×
 * positions × batch × bytes; heads are dealt out to tensor-parallel ranks and repeated where there are fewer heads than ranks.
 * @param dtype of keys and values.
 * @param compute dtype of recurrent states that state none of their own.
 */
export function caches(
  root: Module,
  dtype: Dtype,
  compute: Dtype,
  ranks: number,
): readonly Cache[] {
  const found: Cache[] = [];
  walk(root, ({ state }, place) => {
    if (!state) return;
    const component = place.component ?? "text_model";
    found.push(cacheOf(state, place.copies, component, dtype, compute, ranks));
  });
  return found;
}

function cacheOf(
  state: State,
  layers: number,
  component: Component,
  dtype: Dtype,
  compute: Dtype,
  ranks: number,
): Cache {
  const batch = times("decoded", "sequences");
  switch (state.kind) {
    case "kv": {
      const heads = Math.ceil(state.heads / ranks);
      const perPosition: Product = [
        times(layers, "layers"),
        ...(state.keyDim === state.valueDim
          ? [times(2, "(K, V)"), times(heads, "heads"), times(state.keyDim, "head_dim")]
          : [times(heads, "heads"), times(state.keyDim + state.valueDim, "(K + V) head_dim")]),
      ];
      const tail: Product = [batch, times(bytesOf(dtype), `B ${dtype}`)];
      const cross = state.over === "cross";
      return {
        component,
        kind: state.over,
        label: cross
          ? "cross-attention KV cache"
          : state.window
            ? `KV cache, window of ${state.window}`
            : "KV cache",
        ...(state.window !== undefined && { window: state.window }),
        size: (length, atMost = state.window) => [
          [
            ...perPosition,
            ...(cross
              ? [times("memory", "encoder positions")]
              : pastPositions(length, atMost, state.perToken)),
            ...tail,
          ],
        ],
      };
    }
    case "latent":
      return {
        component,
        kind: "self",
        label: "latent KV cache",
        size: (length) => [
          [
            times(layers, "layers"),
            times(state.width, "latent"),
            times(length, "tokens"),
            batch,
            times(bytesOf(dtype), `B ${dtype}`),
          ],
        ],
      };
    case "recurrent":
      return {
        component,
        kind: "recurrent",
        label: `recurrent state (${state.parts.map((part) => part.name).join(", ")})`,
        size: () =>
          state.parts.map((part) => {
            const [first = 1, ...rest] = part.shape;
            const units = part.units ?? 1;
            const share =
              part.units === undefined ? first : (first / units) * Math.ceil(units / ranks);
            return [
              times(layers, "layers"),
              times(share, part.name),
              ...rest.map((n) => times(n, "")),
              batch,
              times(bytesOf(part.dtype ?? compute), `B ${part.dtype ?? compute}`),
            ];
          }),
      };
    default:
      return state satisfies never;
  }
}

/** The positions that a cache of its own past holds: tokens, or several per token in an encoder that runs along. */
function pastPositions(
  length: "context" | "cached" | "prompt",
  atMost: number | undefined,
  perToken = 1,
): Product {
  if (perToken === 1) return [times(length, "tokens", atMost)];
  return [
    times(length, "tokens", atMost === undefined ? undefined : atMost / perToken),
    times(perToken, "positions per token"),
  ];
}
