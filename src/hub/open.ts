import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { catalogConfig } from "../catalog/index.ts";
import { parseJson } from "../core/config/raw.ts";
import { type Checkpoint, type StoredTensor, storedByDtype } from "../core/derive/checkpoint.ts";
import { findDtype } from "../core/dtype.ts";
import { InputError, shown } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { withCheckpoint } from "../core/with-checkpoint.ts";
import { adapted } from "./adapter.ts";
import { refuseBinary } from "./binary.ts";
import { type Found, INDEX, readCheckpoint, readSingle } from "./checkpoint.ts";
import { folder } from "./folder.ts";
import { hfCache } from "./hf-cache.ts";
import { checkId, remoteGguf } from "./id.ts";
import { fromParams, isParams, renamedTensors } from "./mistral-format.ts";
import type { Place } from "./place.ts";
import { describeWith } from "./references.ts";
import { readSettings, type Settings, type SourceOptions } from "./settings.ts";

/** A model as it was found: described, or only as far as its checkpoint's header tells. */
export type Opened = {
  readonly id: string;
  /** What should be known about the source, as sentences. */
  readonly notes: readonly string[];
} & (
  | {
      readonly model: Model;
      readonly checkpoint: Checkpoint | undefined;
      /** The checkpoint's tensors under the tree's names, where the format has its own; empty: not comparable. */
      readonly comparable?: readonly StoredTensor[];
    }
  | {
      readonly model: undefined;
      readonly checkpoint: Checkpoint;
      /** Why there is no tree. */
      readonly undescribed: string;
    }
);

/** Opens what lies at a path: a config.json, a folder, a safetensors file or index, a GGUF file. */
export async function openPath(path: string, options: SourceOptions = {}): Promise<Opened> {
  const opening = start(options);
  if (statSync(path).isDirectory()) return opening.place(folder(path), path);
  const name = basename(path);
  const beside = folder(dirname(path));
  if (name.endsWith(".gguf")) return opening.gguf(beside, name, path);
  if (name === INDEX) return opening.place(beside, path);
  if (name.endsWith(".safetensors")) {
    return opening.described(beside, path, { checkpoint: await readSingle(beside, name) });
  }
  throw new InputError("unreadable", `${shown(path)} is no file that holds a model.`, path);
}

/** Describes a config.json that was read already; what it refers to is looked for. */
export async function openConfig(
  text: string,
  path: string,
  options: SourceOptions = {},
): Promise<Opened> {
  const { describing } = start(options);
  refuseBinary(text, path);
  const config = parseJson(text, path);
  const model = await describing(isParams(config) ? fromParams(config, path) : config);
  return { id: path, model, checkpoint: undefined, notes: [] };
}

/** Opens a model by its id: from the Hugging Face cache, else from the hub. */
export async function openId(id: string, options: SourceOptions = {}): Promise<Opened> {
  const opening = start(options);
  const file = remoteGguf(id);
  if (file) return opening.gguf(await opening.find(file.id), file.file, id);
  return opening.place(await opening.find(checkId(id)), id);
}

function start(options: SourceOptions) {
  return opener(readSettings(options));
}

function opener(settings: Settings) {
  const deadline = AbortSignal.timeout(settings.timeoutSeconds * 1000);

  async function find(id: string, own: Settings = settings): Promise<Place> {
    const cached = own.refresh ? undefined : hfCache(own, id);
    if (cached) return cached;
    const { repository } = await import("./repository.ts");
    return repository(own, id, deadline);
  }

  /** The config of a model that another one refers to; its revision is its own. */
  async function lookup(id: string): Promise<unknown> {
    const known = settings.refresh ? undefined : catalogConfig(id);
    if (known !== undefined) return known;
    const place = await find(checkId(id), { ...settings, revision: undefined });
    return place.json("config.json");
  }

  const describing = (config: unknown): Promise<Model> =>
    describeWith(config, lookup, settings.assume);

  /** A place whose checkpoint was, or is now, looked for. */
  async function place(at: Place, id: string): Promise<Opened> {
    const config = await at.json("config.json");
    const other = config === undefined ? await at.json("params.json") : undefined;
    const params = isParams(other) ? other : undefined;
    if (config === undefined && params === undefined) return withoutConfig(at, id);
    const found = await readCheckpoint(at);
    if (params === undefined) return described(at, id, found);
    return undescribedWithout(id, found, async () => {
      const { checkpoint } = found;
      const config = fromParams(params, `${at.name()}/params.json`);
      const comparable = checkpoint ? renamedTensors(config, checkpoint.tensors) : [];
      const model = await describing(config);
      return { id, model, checkpoint, comparable, notes: notesOf(found) };
    });
  }

  /** What `describes` gives; where the architecture is not known, what the header alone tells. */
  async function undescribedWithout(
    id: string,
    found: Found,
    describes: () => Promise<Opened>,
  ): Promise<Opened> {
    try {
      return await describes();
    } catch (error) {
      const unknown = error instanceof InputError && error.code === "unknown-model-type";
      if (!unknown || !found.checkpoint) throw error;
      const { checkpoint } = found;
      return {
        id,
        model: undefined,
        checkpoint,
        undescribed: error.message,
        notes: notesOf(found),
      };
    }
  }

  async function described(at: Place, id: string, found: Found): Promise<Opened> {
    const config = await at.json("config.json");
    const { checkpoint } = found;
    const notes = notesOf(found);
    if (config === undefined && checkpoint) {
      const undescribed = `There is no config.json beside ${shown(id)}, so its architecture is not known.`;
      return { id, model: undefined, checkpoint, undescribed, notes };
    }
    return undescribedWithout(id, found, async () => {
      const model = await describing(config);
      return { id, ...checkedWith(model, checkpoint, notes) };
    });
  }

  async function withoutConfig(at: Place, id: string): Promise<Opened> {
    const adapter = await at.json("adapter_config.json");
    if (adapter !== undefined) return adapted(at, id, adapter, lookup, describing);
    const found = await readCheckpoint(at);
    if (found.checkpoint) return described(at, id, found);
    throw nothingToRead(id, at.kind, await at.list());
  }

  async function gguf(at: Place, file: string, id: string): Promise<Opened> {
    const { readGguf } = await import("./gguf.ts");
    const { configOf, renamed } = await import("./gguf-config.ts");
    const header = await at.open(file, readGguf);
    if (!header) {
      throw new InputError(
        "unknown-model",
        `${shown(file)} is not in ${at.name()}: check its name.`,
        id,
      );
    }
    const checkpoint: Checkpoint = {
      source: `${at.name()}/${file}`,
      format: "gguf",
      tensors: header.tensors,
      notes: [],
    };
    const config = configOf(header);
    if (config === undefined) {
      const architecture = shown(header.metadata["general.architecture"] ?? "unnamed");
      const undescribed = `The GGUF architecture ${architecture} is not one that is described here.`;
      return { id, model: undefined, checkpoint, undescribed, notes: [] };
    }
    const comparable = header.tensors.map(renamed);
    const model = withCheckpoint(await describing(config), checkpoint, comparable);
    return { id, model, checkpoint, comparable, notes: [] };
  }

  return { find, place, described, gguf, describing };
}

/**
 * Packed weights as the header states them. The dtype of most of what is not packed is the model's where its config states
 * none; another one is worth a sentence.
 */
function checkedWith(
  described: Model,
  checkpoint: Checkpoint | undefined,
  notes: readonly string[],
) {
  const model = checkpoint ? withCheckpoint(described, checkpoint) : described;
  const most = checkpoint
    ? storedByDtype(checkpoint.tensors).find(({ dtype }) => UNPACKED.has(dtype))
    : undefined;
  const stored = most && findDtype(most.dtype);
  if (stored === undefined || stored === model.dtype) return { model, checkpoint, notes };
  if (model.dtype === undefined) return { model: { ...model, dtype: stored }, checkpoint, notes };
  // Beside packed weights these are scales and norms, whose dtype says nothing about the model's.
  if (model.quantization?.stored) return { model, checkpoint, notes };
  const differs = `The config states ${model.dtype}, the checkpoint is stored as ${stored}: the config's is what transformers loads.`;
  return { model, checkpoint, notes: [...notes, differs] };
}

const UNPACKED = new Set(["F64", "F32", "F16", "BF16"]);

const notesOf = ({ checkpoint, note }: Found): readonly string[] => [
  ...(checkpoint?.notes ?? []),
  ...(note === undefined ? [] : [note]),
];

/** What a repository without a config.json holds instead, and what to do about it. */
function nothingToRead(id: string, kind: Place["kind"], files: readonly string[]): InputError {
  const ending = (end: string) => files.filter((file) => file.endsWith(end));
  const [gguf] = ending(".gguf");
  const sentence =
    ending(".nemo").length > 0
      ? "only holds a NeMo archive (.nemo), which cannot be read without downloading all of it: use the model's version in transformers' format"
      : gguf !== undefined
        ? `is a ${kind} with GGUF files and no config.json: name one of them, as in ${id}/${gguf}`
        : `is a ${kind} without a config.json, params.json or safetensors file: give a model in transformers' layout`;
  return new InputError("unreadable", `${shown(id)} ${sentence}.`, id);
}
