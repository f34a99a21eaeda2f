import { InputError } from "../core/errors.ts";
import { notHere } from "./refusals.ts";

/** One segment of an id as the hub allows them: letters, digits, `-`, `_`, `.`, none of `-.` at its ends, no `--` or `..`. */
const SEGMENT = /^(?!.*(--|\.\.))[A-Za-z0-9_]([\w.-]{0,94}[A-Za-z0-9_])?$/;

/** @throws InputError for anything that the hub would not take as the id of a model. */
export function checkId(id: string): string {
  const segments = id.split("/");
  if (segments.length <= 2 && segments.every((segment) => SEGMENT.test(segment))) return id;
  throw new InputError(
    "unknown-model",
    `${notHere(id)}, and no hub could have a model of that name: give a path, or an id such as openai/whisper-tiny.`,
    id,
  );
}

/** `owner/name/path/to/file.gguf` as the repository and the file in it; undefined for anything else. */
export function remoteGguf(model: string): { id: string; file: string } | undefined {
  const [owner, name, ...rest] = model.split("/");
  if (!model.endsWith(".gguf") || !owner || !name || rest.length === 0) return undefined;
  if (!rest.every((segment) => /^(?!\.)[\w.-]+$/.test(segment))) return undefined;
  return { id: checkId(`${owner}/${name}`), file: rest.join("/") };
}
