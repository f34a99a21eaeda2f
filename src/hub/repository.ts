import { downloadFile, listFiles } from "@huggingface/hub";
import { parseJson } from "../core/config/raw.ts";
import { InputError } from "../core/errors.ts";
import { blobSource } from "./bytes.ts";
import { client } from "./http.ts";
import { type Entry, isCommit, jsonCache } from "./json-cache.ts";
import type { Place } from "./place.ts";
import { offline, strange } from "./refusals.ts";
import type { Settings } from "./settings.ts";

/** A repository on the hub. What it says is kept on disk; the weights of its files are never asked for. */
export function repository(settings: Settings, id: string, deadline: AbortSignal): Place {
  const cache = jsonCache(settings, id);
  const hub = client(settings, id, deadline);
  let commit: string | undefined;
  const revision = (): string => commit ?? settings.revision ?? "main";
  const common = () => ({
    repo: id,
    revision: revision(),
    hubUrl: settings.endpoint.href.replace(/\/$/, ""),
    fetch: hub.fetch,
  });

  function online(): void {
    if (settings.offline)
      throw offline(id, "the network is switched off (--offline or HF_HUB_OFFLINE)");
  }

  async function blob(path: string): Promise<Blob | null> {
    online();
    settings.onFetch(`${id}/${path}`);
    const found = await understood(downloadFile({ ...common(), path, xet: false }));
    commit ??= hub.commit();
    return found;
  }

  async function names(): Promise<readonly string[]> {
    const found: string[] = [];
    for await (const entry of listFiles(common())) {
      found.push(entry.path);
      if (found.length >= MAX_FILES) break;
    }
    return found;
  }

  /** The library throws errors of its own at answers that it does not understand. */
  const understood = <T>(answer: Promise<T>): Promise<T> =>
    answer.catch((error: unknown) => {
      throw error instanceof InputError ? error : strange(id, settings.endpoint.host);
    });

  const inThisRun = new Map<string, Promise<unknown>>();
  function kept(file: string, make: () => Promise<unknown>): Promise<unknown> {
    const before = inThisRun.get(file) ?? keptOnDisk(file, make);
    inThisRun.set(file, before);
    return before;
  }

  async function keptOnDisk(file: string, make: () => Promise<unknown>): Promise<unknown> {
    const asked = revision();
    const before = await cache.get(asked, file);
    if (before) {
      commit ??= before.commit;
      return before.value ?? undefined;
    }
    const entry: Entry = { value: await make(), commit: commit ?? undefined };
    for (const name of new Set([asked, revision()]))
      if (name === asked || isCommit(name)) await cache.put(name, file, entry);
    return entry.value;
  }

  return {
    kind: "repository",
    name: () => (commit ? `${id}@${commit.slice(0, 8)}` : id),
    json: (file) =>
      kept(file, async () => {
        const found = await blob(file);
        return found ? parseJson(await found.text(), `${id}/${file}`) : undefined;
      }),
    async open(file, use) {
      const found = await blob(file);
      return found ? use(blobSource(found, `${id}/${file}`)) : undefined;
    },
    async list() {
      online();
      settings.onFetch(id);
      return understood(names());
    },
    remember: kept,
  };
}

/** Enough to see what kind of repository it is. */
const MAX_FILES = 10_000;
