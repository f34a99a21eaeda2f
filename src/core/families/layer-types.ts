import { own, type RawConfig, within } from "../config/raw.ts";
import { InputError, nearest, shown } from "../errors.ts";
import { countOf } from "../tree/indices.ts";
import type { Module } from "../tree/module.ts";
import type { Context } from "./family.ts";

/** Source: transformers 5.18, `configuration_utils.py`: `ALLOWED_LAYER_TYPES` and the older names that it renames. */
const TYPES: ReadonlySet<string> = new Set([
  "full_attention",
  "sliding_attention",
  "chunked_attention",
  "window_attention",
  "indexed_attention",
  "compressed_sparse_attention",
  "heavily_compressed_attention",
  "minimax_m3_sparse",
  "conv",
  "moe",
  "hybrid",
  "hybrid_sliding",
  "linear_attention",
  "sparse",
  "dense",
  "mamba",
  "attention",
  "deepseek_sparse_attention",
  "qwen_sparse_attention",
]);
const LISTS = ["layer_types", "mlp_layer_types"] as const;

/**
 * Lists with a type for each layer name as many as there are, and types that exist: transformers refuses others, and a
 * missing one would be taken for something that nobody said.
 * @param backbone the described model, whose stacks are its layers.
 */
export function checkLayerTypes(raw: RawConfig, context: Context, backbone: Module): void {
  for (const key of LISTS) {
    const types = own(raw, key);
    if (!Array.isArray(types)) continue;
    const field = within(context.path, key);
    const unknown: unknown = types.find((type) => !TYPES.has(String(type)));
    if (unknown !== undefined) {
      throw new InputError(
        "out-of-range",
        `${field} names ${shown(unknown)}, which is no type of layer (nearest: ${nearest(String(unknown), TYPES).join(", ")}): correct it in the config.`,
        field,
      );
    }
    const layers = layersOf(backbone);
    if (layers === types.length) continue;
    throw new InputError(
      "inconsistent",
      `${field} has ${types.length} ${types.length === 1 ? "entry" : "entries"}, but the model has ${layers} layers: it must name one type for each.`,
      field,
    );
  }
}

const layersOf = (backbone: Module): number =>
  backbone.children.reduce(
    (sum, { indices, op }) => sum + (indices && op?.kind === "layer" ? countOf(indices) : 0),
    0,
  );
