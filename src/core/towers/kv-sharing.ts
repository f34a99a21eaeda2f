import { within } from "../config/raw.ts";
import { InputError } from "../errors.ts";

/**
 * Gemma 3n and 4 let the last layers use the keys and values of the last earlier layer of their kind: they have neither
 * projections for them nor a cache.
 * @returns the first layer that shares (the number of layers where none does).
 * @throws InputError where a sharing layer has no earlier one of its kind.
 */
export function firstSharing(layerTypes: readonly string[], sharing: number, path: string): number {
  const first = layerTypes.length - sharing;
  const owners = new Set(layerTypes.slice(0, Math.max(0, first)));
  const orphan = layerTypes.slice(Math.max(0, first)).find((type) => !owners.has(type));
  if (first <= 0 || orphan !== undefined) {
    const field = within(path, "num_kv_shared_layers");
    throw new InputError(
      "inconsistent",
      `${field} is ${sharing}, which leaves no earlier layer${orphan === undefined ? "" : ` of type ${orphan}`} to share keys and values with: correct it or layer_types in the config.`,
      field,
    );
  }
  return first;
}

/** The types of all layers as a config lists them. @throws InputError for a list of another length. */
export function layerTypesOf(
  listed: readonly string[] | undefined,
  layers: number,
  preset: (index: number) => string,
  path: string,
): readonly string[] {
  if (listed === undefined) return Array.from({ length: layers }, (_, index) => preset(index));
  if (listed.length === layers) return listed;
  const field = within(path, "layer_types");
  throw new InputError(
    "inconsistent",
    `${field} lists ${listed.length} layers, but num_hidden_layers is ${layers}: correct one of them in the config.`,
    field,
  );
}
