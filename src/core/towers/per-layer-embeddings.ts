import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import type { Module } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";

/** A token table whose rows are scaled by a number that lives in a buffer (Gemma). */
export const scaledEmbedding = (
  className: string,
  name: string,
  rows: number,
  width: number,
  dtype: DeviceBuffer["dtype"],
): Module =>
  embedding(name, rows, width, {
    class: className,
    component: "embeddings",
    divided: true,
    buffers: [{ name: "embed_scale", shape: [], dtype, persistent: false }],
  });

export interface PerLayer {
  /** Prefix of the class names: "Gemma3n", "Gemma4". */
  readonly classes: string;
  readonly rows: number;
  readonly layers: number;
  readonly width: number;
  /** Width of the vector that every layer gets of its own. */
  readonly own: number;
  readonly dtype: DeviceBuffer["dtype"];
}

/**
 * Per-layer embeddings (Gemma 3n and 4): a second table holds a small vector for every token and every layer, and a
 * matrix makes another such set from the hidden state. The table may be kept off the device.
 */
export const perLayerTable = ({ classes, rows, layers, width, own, dtype }: PerLayer): Module[] => [
  scaledEmbedding(
    `${classes}TextScaledWordEmbedding`,
    "embed_tokens_per_layer",
    rows,
    layers * own,
    dtype,
  ),
  linear("per_layer_model_projection", width, layers * own, { bias: false }),
  rmsNorm("per_layer_projection_norm", own, `${classes}RMSNorm`),
];

/** The rows of the table and what the projection adds to them both stay until the last layer has run. */
export const perLayerWidths = (width: number): readonly number[] => [width, width];

/** What a layer does with its vector: gate, project back to the width, norm. */
export const perLayerInputs = (classes: string, width: number, own: number): Module[] => [
  linear("per_layer_input_gate", width, own, { bias: false }),
  linear("per_layer_projection", own, width, { bias: false }),
  rmsNorm("post_per_layer_input_norm", width, `${classes}RMSNorm`),
];
