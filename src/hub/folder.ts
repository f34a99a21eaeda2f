import { existsSync, promises } from "node:fs";
import { join } from "node:path";
import { parseJson } from "../core/config/raw.ts";
import { InputError } from "../core/errors.ts";
import { unreadable, withFile } from "./bytes.ts";
import { MAX_JSON_BYTES } from "./limits.ts";
import type { Place } from "./place.ts";

/** A folder in transformers' layout; a snapshot in the Hugging Face cache is one, too. */
export function folder(path: string, name = path): Place {
  const open: Place["open"] = async (file, use) => {
    const full = join(path, file);
    return existsSync(full) ? withFile(full, use) : undefined;
  };
  return {
    kind: "folder",
    name: () => name,
    open,
    json: (file) =>
      open(file, async (bytes) => {
        if (bytes.size > MAX_JSON_BYTES) {
          throw new InputError(
            "unreadable",
            `${bytes.name} has ${bytes.size} bytes, too many for a file like that: give the folder of a model.`,
            bytes.name,
          );
        }
        const text = new TextDecoder().decode(await bytes.read(0, bytes.size));
        return parseJson(text, bytes.name);
      }),
    list: () =>
      promises.readdir(path).catch((error: unknown) => {
        throw unreadable(path, error);
      }),
    remember: (_what, make) => make(),
  };
}
