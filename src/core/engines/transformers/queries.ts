import { type Product, times } from "../../quantity/product.ts";
import type { AttentionOp } from "../../tree/op.ts";
import type { HeldBuffer, Moment } from "../engine.ts";
import { element, type Flow, half, headsHere, held, hidden, isEager } from "./flow.ts";
import { keysOf } from "./scores.ts";

/** Flash attention wants heads of a multiple of this many values (PyTorch, `pad_last_dim<8>`): others are copied. */
const FLASH_ALIGNMENT = 8;

/** The head width that queries, keys and values are padded to before the flash kernel, where theirs does not fit. */
export function alignedDim(op: AttentionOp, flow: Flow): number | undefined {
  const wide = op.paddedDim ?? op.headDim;
  if (!half(flow) || isEager(op, flow) || wide % FLASH_ALIGNMENT === 0) return undefined;
  return Math.ceil(wide / FLASH_ALIGNMENT) * FLASH_ALIGNMENT;
}

export const alignedKeys = (op: AttentionOp, dim: number, flow: Flow): HeldBuffer[] => {
  const size: Product = [
    ...flow.sequences,
    keysOf(op, flow),
    times(headsHere(flow, op.kvHeads) * dim, "wide"),
    element(flow),
  ];
  return [held("padded keys", size), held("padded values", size)];
};

/**
 * Rotation: `q · cos + turned(q) · sin`, first of queries, then of keys. Keys and values themselves are counted with the cache,
 * which this layer's are not part of yet.
 */
export function turning(op: AttentionOp, queries: Product, keys: Product, flow: Flow): Moment[] {
  const fp32 = op.turns !== undefined && half(flow);
  const named = fp32 && op.turns === "fp32 copies";
  const many = (count: number, size: Product): Product => [
    times(fp32 ? 2 * count : count, ""),
    ...size,
  ];
  const own = fp32 ? [held("queries", queries)] : [];
  return [
    {
      at: "rotary",
      buffers: [
        ...own,
        held("queries and their turning", many(fp32 && !named ? 3 : 4, queries)),
        ...(named ? [held("keys in fp32", many(1, keys))] : []),
      ],
    },
    {
      at: "rotary",
      buffers: [
        ...own,
        held("queries, before and after", many(fp32 && !named ? 1 : 2, queries)),
        held("keys and their turning", many(named ? 4 : 3, keys)),
      ],
    },
  ];
}

/** Queries, or what one matrix made of them together with keys and values, of which rotation makes new ones. */
export function queriesOf(op: AttentionOp, flow: Flow, queries: Product): HeldBuffer[] {
  const own = held("queries", queries);
  const both = headsHere(flow, op.heads) + headsHere(flow, op.kvHeads);
  const turned =
    op.sliced === undefined ? [] : [held("turned parts", hidden(flow, both * op.sliced))];
  if (!op.fused && turned.length === 0) return [own];
  if (!op.fused)
    return [
      own,
      held("queries and keys before they were cut", hidden(flow, both * op.headDim)),
      ...turned,
    ];
  const wide = headsHere(flow, op.heads + 2 * op.kvHeads) * op.headDim;
  const all = held("queries, keys and values of one matrix", hidden(flow, wide));
  return flow.rotated ? [all, own, ...turned] : [all];
}

/** Copies of cached keys and values whose heads are padded to another width. */
export function paddedCache(op: AttentionOp, flow: Flow): HeldBuffer[] {
  const aligned = alignedDim(op, flow);
  if (aligned !== undefined) return alignedKeys(op, aligned, flow);
  if (op.paddedDim === undefined || op.paddedDim === op.headDim) return [];
  const size: Product = [
    ...flow.sequences,
    keysOf(op, flow),
    times(headsHere(flow, op.kvHeads) * op.paddedDim, "wide"),
    element(flow),
  ];
  return [held("padded keys", size), held("padded values", size)];
}
