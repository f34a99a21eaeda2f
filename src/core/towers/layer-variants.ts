import { type Indices, inBoth, those, upTo } from "../tree/indices.ts";
import type { Module } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";

/** Layers that differ from others of the same model in what they see or in what they are made of. */
export interface LayerVariant {
  readonly indices: Indices;
  /** Default: every earlier position. */
  readonly span?: Span;
  /** In place of the grouped-query attention of the model. */
  readonly attention?: Module;
  /** In place of the gated feed-forward of the model's inner width; its name is `mlp` unless it says otherwise. */
  readonly feedForward?: Module;
  /** A layer of another make, in place of all that the model's sizes and habits say. */
  readonly layer?: Module;
}

/** Two variants: layers for which `slides` holds see the last `window` tokens, the others everything. */
export function slidingVariants(
  layers: number,
  window: number | null,
  slides: (index: number) => boolean,
): readonly LayerVariant[] {
  if (window === null) return [{ indices: upTo(layers) }];
  return [
    { indices: those(layers, (index) => !slides(index)) },
    { indices: those(layers, slides), span: { kind: "window", size: window, causal: true } },
  ];
}

/** The kinds of layers for which such a model keeps rotary tables of their own: those that occur. */
export const rotaryKinds = (layers: number, slides: (index: number) => boolean): string[] => [
  ...(those(layers, (index) => !slides(index)).length > 0 ? ["full_attention"] : []),
  ...(those(layers, slides).length > 0 ? ["sliding_attention"] : []),
];

/** Two variants, by whether `differs` holds for a layer. */
export const variantsBy = (
  layers: number,
  differs: (index: number) => boolean,
  [usual, other]: readonly [Omit<LayerVariant, "indices">, Omit<LayerVariant, "indices">],
): readonly LayerVariant[] => [
  { ...usual, indices: those(layers, (index) => !differs(index)) },
  { ...other, indices: those(layers, differs) },
];

/** Layers that differ in two ways that do not depend on each other: one variant for each pair that occurs. */
export const crossed = (
  one: readonly LayerVariant[],
  other: readonly LayerVariant[],
): readonly LayerVariant[] =>
  one.flatMap((a) => other.map((b) => ({ ...a, ...b, indices: inBoth(a.indices, b.indices) })));
