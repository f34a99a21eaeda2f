import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { catalogConfig } from "../catalog/index.ts";
import { describe } from "../core/describe.ts";
import { InputError, shown } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { humanBytes } from "../core/units.ts";
import type { Opened } from "../hub/open.ts";
import { startProgress } from "./progress.ts";

/** Where a model is looked for, as options of a command. */
export interface SourceFlags {
  readonly revision?: string;
  readonly refresh?: true;
  readonly timeout?: number;
  readonly offline?: true;
  /** What a model of unknown architecture is taken for. */
  readonly assume?: string;
}

/** A config.json is a few kilobytes; what is larger is something else. */
const MAX_CONFIG_BYTES = 16 * 2 ** 20;

/**
 * The model that `name` stands for. A path wins over a catalog id, because it names what the user has before him; the
 * catalog wins over everything that takes a network. Code that the catalog does not need is loaded when it is needed.
 */
export async function load(given: string, flags: SourceFlags = {}): Promise<Opened> {
  const name = plainName(given);
  const kind = kindOf(name);
  if (kind === "none") {
    const known = flags.refresh || flags.revision !== undefined ? undefined : catalogConfig(name);
    if (known !== undefined) {
      const { assume } = flags;
      const model = describe(known, {
        resolve: catalogConfig,
        ...(assume !== undefined && { assume }),
      });
      return { id: name, model, checkpoint: undefined, notes: [] };
    }
    if (looksLikePath(name)) {
      throw new InputError(
        "unreadable",
        `${shown(name)} is no file or folder here: give the path of a config.json or a model id such as openai/whisper-tiny.`,
        name,
      );
    }
  }
  const progress = startProgress();
  try {
    const { openConfig, openId, openPath } = await import("../hub/open.ts");
    const options = { ...flags, onFetch: progress.say };
    if (kind === "config") return await openConfig(read(name), name, options);
    return await (kind === "none" ? openId(name, options) : openPath(name, options));
  } finally {
    progress.end();
  }
}

/** A path or an id, from the address of a file or of a model's page. */
function plainName(text: string): string {
  if (text.startsWith("file://")) {
    try {
      return fileURLToPath(text);
    } catch {
      return text; // another host's file: refused below, as it stands
    }
  }
  const [, id, file] =
    /^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w.-]+\/[\w.-]+)(?:\/(?:blob|resolve)\/main\/([\w./-]+\.gguf)|\/tree\/main)?\/?$/.exec(
      text,
    ) ?? [];
  return id === undefined ? text : file === undefined ? id : `${id}/${file}`;
}

const looksLikePath = (text: string): boolean =>
  text.endsWith(".json") || /^[./~]|^[A-Za-z]:[\\/]|\\/.test(text);

function kindOf(name: string): "none" | "folder" | "weights" | "config" {
  try {
    if (!existsSync(name)) return "none";
    if (statSync(name).isDirectory()) return "folder";
  } catch {
    return "none"; // a name that the file system refuses (a NUL, too long) is no path
  }
  return /\.(gguf|safetensors|safetensors\.index\.json)$/.test(name) ? "weights" : "config";
}

export function read(path: string): string {
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

/** The same for commands that need the described model: exact weights alone do not answer them. */
export async function loadModel(
  name: string,
  flags: SourceFlags = {},
): Promise<{ id: string; model: Model }> {
  const opened = await load(name, flags);
  const { id, model } = opened;
  // Rows and verdicts have no basis of their own: the name says it.
  if (model) return { id: model.assumed === undefined ? id : `${id} (assumed)`, model };
  const size = opened.checkpoint.tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  throw new InputError(
    "unknown-model-type",
    `${shown(name)}: ${opened.undescribed.replace(/\.$/, "")}; its weights take ${humanBytes(size)} (\`estimate\` shows them), but caches and activations follow from the architecture, so there is no answer here.`,
    name,
  );
}
