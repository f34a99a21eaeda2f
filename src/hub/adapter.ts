import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Checkpoint, storedByDtype } from "../core/derive/checkpoint.ts";
import { InputError, shown } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { grouped } from "../core/units.ts";
import { readSingle } from "./checkpoint.ts";
import { folder } from "./folder.ts";
import type { Place } from "./place.ts";
import { referred } from "./references.ts";

interface Adapted {
  readonly id: string;
  readonly model: Model;
  readonly checkpoint: undefined;
  readonly notes: readonly string[];
}

/** An adapter: its base model, and what the adapter's own file says. */
export async function adapted(
  at: Place,
  id: string,
  adapter: unknown,
  lookup: (id: string) => Promise<unknown>,
  describing: (config: unknown) => Promise<Model>,
): Promise<Adapted> {
  const base =
    typeof adapter === "object" && adapter !== null && "base_model_name_or_path" in adapter
      ? adapter.base_model_name_or_path
      : undefined;
  if (typeof base !== "string") {
    throw new InputError(
      "missing-field",
      `${at.name()}/adapter_config.json names no base_model_name_or_path, so the model that it adapts is unknown: give the base model instead.`,
      "base_model_name_or_path",
    );
  }
  const weights = await readSingle(at, "adapter_model.safetensors");
  const field = `base_model_name_or_path of ${at.name()}/adapter_config.json`;
  const config = await referred(base, field, () => baseConfig(at, base, lookup));
  const model = await describing(config);
  return { id, model, checkpoint: undefined, notes: [noteOf(id, base, weights)] };
}

/** The base of an adapter on this machine may be a folder here; any other is a model's id. */
async function baseConfig(
  at: Place,
  base: string,
  lookup: (id: string) => Promise<unknown>,
): Promise<unknown> {
  const here = at.kind === "folder" && existsSync(join(base, "config.json"));
  const config = here ? await folder(base).json("config.json") : await lookup(base);
  if (config !== undefined) return config;
  throw new InputError(
    "unreadable",
    `${shown(base)} has no config.json: give the base model.`,
    base,
  );
}

/** What an adapter adds to its base model, from its own header. */
function noteOf(id: string, base: string, weights: Checkpoint | undefined): string {
  if (!weights)
    return `${id} is an adapter of unknown size, not counted here; this is its base model, ${base}.`;
  const bytes = weights.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const types = storedByDtype(weights.tensors).map(({ dtype }) => dtype);
  return `${id} is an adapter of ${grouped(bytes)} bytes in ${grouped(weights.tensors.length)} tensors (${types.join(", ")}; exact: its header), which come on top; this is its base model, ${base}.`;
}
