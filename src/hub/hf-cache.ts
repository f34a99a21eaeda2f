import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { folder } from "./folder.ts";
import type { Place } from "./place.ts";
import type { Settings } from "./settings.ts";

/**
 * What `transformers` has already downloaded of a model, or undefined.
 * Layout: `models--owner--name/refs/<branch>` holds a commit, `snapshots/<commit>` the files (huggingface_hub, "Understand caching").
 */
export function hfCache(settings: Settings, id: string): Place | undefined {
  const base = join(settings.hubCache, `models--${id.replaceAll("/", "--")}`);
  const revision = settings.revision ?? "main";
  const commit = refOf(join(base, "refs", revision)) ?? revision;
  const snapshot = join(base, "snapshots", commit);
  if (
    !["config.json", "params.json", "adapter_config.json"].some((f) =>
      existsSync(join(snapshot, f)),
    )
  )
    return undefined;
  return folder(snapshot, `${id}@${commit.slice(0, 8)}`);
}

function refOf(path: string): string | undefined {
  try {
    const commit = readFileSync(path, "utf8").trim();
    return /^[0-9a-f]{40}$/.test(commit) ? commit : undefined;
  } catch {
    return undefined; // no such branch in the cache; the revision may be a commit itself
  }
}
