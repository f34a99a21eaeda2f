import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { catalogConfig, catalogIds } from "../catalog/index.ts";
import { parseJson } from "../core/config/raw.ts";
import { type DescribeOptions, describe } from "../core/describe.ts";
import { InputError, nearest, shown } from "../core/errors.ts";
import type { Model } from "../core/model.ts";

export interface Loaded {
  /** Catalog id, or the path as it was given. */
  readonly id: string;
  readonly model: Model;
}

/** A config.json is a few kilobytes; what is larger is something else. */
const MAX_CONFIG_BYTES = 16 * 2 ** 20;

/** A path wins over a catalog id, because it names what the user has before him. */
export function load(model: string): Loaded {
  const options: DescribeOptions = { resolve: catalogConfig };
  const path = pathOf(model);
  if (path !== undefined)
    return { id: model, model: describe(parseJson(read(path), path), options) };
  const config = catalogConfig(model);
  if (config !== undefined) return { id: model, model: describe(config, options) };
  if (looksLikePath(model)) {
    throw new InputError(
      "unreadable",
      `${shown(model)} is no file or folder here: give the path of a config.json or a model id such as openai/whisper-tiny.`,
      model,
    );
  }
  throw new InputError(
    "unknown-model",
    `${shown(model)} is neither a file here nor in the catalog (nearest: ${nearest(model, catalogIds()).join(", ")}): give the path of its config.json, or see \`models\`.`,
    model,
  );
}

const looksLikePath = (text: string): boolean =>
  text.endsWith(".json") || text.startsWith(".") || text.startsWith("/") || text.includes("\\");

function pathOf(model: string): string | undefined {
  try {
    if (!existsSync(model)) return undefined;
    if (!statSync(model).isDirectory()) return model;
  } catch {
    return undefined; // a name that the file system refuses (a NUL, too long) is no path
  }
  const inside = join(model, "config.json");
  if (existsSync(inside)) return inside;
  throw new InputError(
    "unreadable",
    `${shown(model)} is a folder without a config.json: give the folder of a model in transformers' layout.`,
    model,
  );
}

function read(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const content = upTo(MAX_CONFIG_BYTES + 1, file);
    if (content.length <= MAX_CONFIG_BYTES) return content.toString("utf8");
  } catch (error) {
    const reason =
      error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    throw new InputError(
      "unreadable",
      `${path} cannot be read (${reason}): check that it is a file you may read.`,
      path,
    );
  } finally {
    if (file !== undefined) closeSync(file);
  }
  throw new InputError(
    "unreadable",
    `${path} has more than ${MAX_CONFIG_BYTES} bytes, too many for a config.json: give the model's config, not its weights.`,
    path,
  );
}

/** No more than `most` bytes: a size says nothing where the path is a pipe or a device. */
function upTo(most: number, file: number): Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < most) {
    const chunk = Buffer.alloc(Math.min(65_536, most - length));
    const count = readSync(file, chunk);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    length += count;
  }
  return Buffer.concat(chunks);
}
