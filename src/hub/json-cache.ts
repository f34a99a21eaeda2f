import { promises } from "node:fs";
import { dirname, join } from "node:path";
import type { Settings } from "./settings.ts";

/** What a branch or tag holds can change; a commit cannot. */
const BRANCH_IS_FRESH_MS = 3_600_000;
const FORMAT = 1;

export interface Entry {
  /** The commit that it comes from, where the hub named one. */
  readonly commit: string | undefined;
  /** What the file holds; null: the repository has no such file. */
  readonly value: unknown;
}

export interface JsonCache {
  /** What was fetched before, if it is still good. An entry that cannot be read counts as none. */
  get(revision: string, file: string): Promise<Entry | undefined>;
  put(revision: string, file: string, entry: Entry): Promise<void>;
}

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** Fetched JSON of one repository on disk, one file per revision and repository file. The token is never part of it. */
export function jsonCache(settings: Settings, id: string): JsonCache {
  const folder = join(
    settings.ownCache,
    flat(settings.endpoint.host + settings.endpoint.pathname),
    flat(id),
  );
  const path = (revision: string, file: string): string =>
    join(folder, flat(revision), `${flat(file)}.json`);
  return {
    async get(revision, file) {
      if (settings.refresh) return undefined;
      const entry = await readEntry(path(revision, file));
      if (!entry) return undefined;
      const fresh = isCommit(revision) || Date.now() - entry.fetchedAt < BRANCH_IS_FRESH_MS;
      return fresh || settings.offline ? entry : undefined;
    },
    async put(revision, file, { commit, value }) {
      const text = JSON.stringify({
        format: FORMAT,
        id,
        revision,
        file,
        commit: commit ?? null,
        fetchedAt: Date.now(),
        value: value ?? null,
      });
      await writeWhole(path(revision, file), text);
    },
  };
}

const flat = (text: string): string =>
  text.replace(/\/+$/, "").replaceAll("/", "--").replaceAll(":", "_");

async function readEntry(path: string): Promise<(Entry & { fetchedAt: number }) | undefined> {
  try {
    const read: unknown = JSON.parse(await promises.readFile(path, "utf8"));
    if (typeof read !== "object" || read === null || !("value" in read)) return undefined;
    const { format, fetchedAt, commit, value } = read as Record<string, unknown>;
    if (format !== FORMAT || typeof fetchedAt !== "number") return undefined;
    return {
      fetchedAt,
      commit: typeof commit === "string" && isCommit(commit) ? commit : undefined,
      value,
    };
  } catch {
    return undefined; // not there, or cut off: it is fetched again
  }
}

/** All of it or nothing: written beside its place and then moved there. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await promises.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await promises.writeFile(temporary, text, { mode: 0o600 });
    await promises.rename(temporary, path);
  } catch {
    // A disk that is full or read-only, or no folder there, only costs the next run a fetch.
    await promises.rm(temporary, { force: true }).catch(() => undefined);
  }
}
