import type { Checkpoint, StoredTensor } from "../core/derive/checkpoint.ts";
import type { Place } from "./place.ts";
import { readSafetensors, shardsOf } from "./safetensors.ts";

const SINGLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";
/** Mistral's own format keeps its tensors under this name. */
const CONSOLIDATED = "consolidated.safetensors";
/** Headers that are read at the same time. */
const AT_ONCE = 8;

export interface Found {
  readonly checkpoint: Checkpoint | undefined;
  /** What kept it from being read, as a sentence. */
  readonly note?: string;
}

/** The headers of a model's checkpoint: one file, or all that its index names. */
export async function readCheckpoint(place: Place): Promise<Found> {
  const found = fromJson(await place.remember("checkpoint", async () => await gather(place)));
  if (!found) return { checkpoint: undefined };
  if ("absent" in found) {
    return {
      checkpoint: undefined,
      note: `The checkpoint was not compared: ${found.absent} of ${found.of} files that its index names are not in ${place.name()}.`,
    };
  }
  return { checkpoint: { source: place.name(), format: "safetensors", ...found } };
}

/** The headers of one safetensors file of a place. */
export async function readSingle(place: Place, file: string): Promise<Checkpoint | undefined> {
  const header = await headerOf(place, file);
  return header && { source: `${place.name()}/${file}`, format: "safetensors", ...header };
}

interface Header {
  readonly tensors: readonly StoredTensor[];
  readonly notes: readonly string[];
}

async function gather(place: Place): Promise<Header | { absent: number; of: number } | undefined> {
  const single =
    (await headerOf(place, SINGLE)) ??
    (await sharded(place)) ??
    (await headerOf(place, CONSOLIDATED));
  return single;
}

async function sharded(place: Place): Promise<Header | { absent: number; of: number } | undefined> {
  const index = await place.json(INDEX);
  if (index === undefined) return undefined;
  const files = shardsOf(index, `${place.name()}/${INDEX}`);
  const headers: (Header | undefined)[] = [];
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const some = files.slice(at, at + AT_ONCE).map((file) => headerOf(place, file));
    headers.push(...(await Promise.all(some)));
  }
  const there = headers.filter((header) => header !== undefined);
  if (there.length < files.length) return { absent: files.length - there.length, of: files.length };
  return {
    tensors: there.flatMap(({ tensors }) => tensors),
    notes: there.flatMap(({ notes }) => notes),
  };
}

const headerOf = (place: Place, file: string): Promise<Header | undefined> =>
  place.open(file, async (bytes) => {
    const { tensors, statedSize } = await readSafetensors(bytes);
    const short = statedSize - bytes.size;
    const notes =
      short > 0
        ? [
            `${bytes.name} is ${short} bytes shorter than its header says: only the header was used.`,
          ]
        : [];
    return { tensors, notes };
  });

/** What was kept on disk may be anything. */
function fromJson(value: unknown): Header | { absent: number; of: number } | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { tensors, notes, absent, of } = value as Record<string, unknown>;
  if (typeof absent === "number" && typeof of === "number") return { absent, of };
  if (!Array.isArray(tensors) || !tensors.every(isTensor)) return undefined;
  return { tensors, notes: Array.isArray(notes) ? notes.map(String) : [] };
}

function isTensor(value: unknown): value is StoredTensor {
  if (typeof value !== "object" || value === null) return false;
  const { name, dtype, shape, bytes } = value as Record<string, unknown>;
  return (
    typeof name === "string" &&
    typeof dtype === "string" &&
    Number.isSafeInteger(bytes) &&
    Array.isArray(shape) &&
    shape.every(Number.isSafeInteger)
  );
}
