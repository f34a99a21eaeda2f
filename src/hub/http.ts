import { InputError } from "../core/errors.ts";
import { MAX_JSON_BYTES, MAX_RANGE_BYTES } from "./limits.ts";
import type { Ask } from "./proxy.ts";
import { notHere, refused } from "./refusals.ts";
import type { Settings } from "./settings.ts";

/** Redirects that are followed: the hub needs two (a renamed repository, then its storage). */
const MAX_REDIRECTS = 5;
/** Tries of one request, the first included. */
const MAX_TRIES = 4;
const FIRST_BACKOFF_MS = 250;
/** A server that asks for a longer pause gets no second request in this run. */
const MAX_RETRY_AFTER_MS = 30_000;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface Client {
  /** `fetch` for libraries: everything below holds whatever they ask for. */
  readonly fetch: typeof fetch;
  /** The commit that the hub named in its last answer. */
  commit(): string | undefined;
}

/**
 * A fetch with the rules of this program: one time bound for all requests of the run, bodies of bounded size read to
 * the end before anyone sees them, few retries, redirects by hand, and the token for the endpoint's own origin only.
 * Answers are complete responses; a refusal is an InputError, except "this repository has no such file" (404).
 */
export function client(settings: Settings, id: string, deadline: AbortSignal): Client {
  // A proxy takes code of its own, which is not evaluated where there is none.
  const ask: Promise<Ask> = settings.proxied
    ? import("./proxy.ts").then(({ askThroughProxy }) => askThroughProxy)
    : Promise.resolve(askDirectly);
  let commit: string | undefined;
  /** The server that was asked last: the endpoint, or where it redirected to. */
  let asking = settings.endpoint.host;
  const { endpoint } = settings;
  const about = { id, endpoint, hasToken: settings.token !== undefined };

  async function tried(url: URL, headers: Headers): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const last = attempt === MAX_TRIES;
      let pause = FIRST_BACKOFF_MS * 2 ** (attempt - 1);
      try {
        const answer = await once(url, headers);
        const busy = answer.status === 429 || answer.status >= 500;
        if (!busy) return answer;
        const asked = retryAfter(answer.headers.get("retry-after"));
        if (last || (asked ?? 0) > Math.min(MAX_RETRY_AFTER_MS, settings.timeoutSeconds * 1000))
          return answer;
        pause = asked ?? pause;
      } catch (error) {
        if (error instanceof InputError) throw error;
        if (deadline.aborted) throw tooSlow(settings, id);
        if (last || !isPassing(error)) throw unreachable(asking, id, error);
      }
      await sleep(pause, deadline);
      if (deadline.aborted) throw tooSlow(settings, id);
    }
  }

  async function once(start: URL, headers: Headers): Promise<Response> {
    let url = start;
    asking = url.host;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const own = new Headers(headers);
      if (settings.token !== undefined && url.origin === settings.endpoint.origin)
        own.set("authorization", `Bearer ${settings.token}`);
      const answer = await (await ask)(url, own, deadline);
      if (url.origin === settings.endpoint.origin)
        commit = commitOf(answer.headers.get("x-repo-commit")) ?? commit;
      if (!REDIRECTS.has(answer.status)) return await complete(answer, headers.get("range"), id);
      await answer.body?.cancel();
      url = redirected(url, answer.headers.get("location"), settings);
      asking = url.host;
    }
    throw new InputError(
      "unreachable",
      `${endpoint.host} redirects in circles (more than ${MAX_REDIRECTS} times): check HF_ENDPOINT, or try again later.`,
      id,
    );
  }

  return {
    commit: () => commit,
    fetch: async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const headers = new Headers(init?.headers);
      headers.delete("authorization");
      headers.set("accept", "*/*");
      const answer = await tried(url, headers);
      if (answer.ok) return answer;
      const code = answer.headers.get("x-error-code");
      const isFile = url.pathname.includes("/resolve/");
      if (isFile && answer.status === 404 && (code === null || code === "EntryNotFound"))
        return new Response(null, { status: 404, headers: { "x-error-code": "EntryNotFound" } });
      throw refused(answer.status, code, about);
    },
  };
}

const askDirectly: Ask = (url, headers, signal) =>
  fetch(url, { headers, redirect: "manual", signal });

/** Over early where the signal comes. */
const sleep = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });

/** Where a redirect leads; never from https to http, never to anything else. */
function redirected(from: URL, location: string | null, settings: Settings): URL {
  let to: URL | undefined;
  try {
    to = location === null ? undefined : new URL(location, from);
  } catch {
    to = undefined; // refused below
  }
  const safe = to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:");
  if (to && safe) return to;
  throw new InputError(
    "unreachable",
    `${settings.endpoint.host} redirects to an address that is not safe to follow: check HF_ENDPOINT.`,
  );
}

/** The answer with its body read to the end; a server that ignored the range gets it cut out here, if it is small. */
async function complete(answer: Response, range: string | null, id: string): Promise<Response> {
  const most = range !== null && answer.status === 206 ? rangeLength(range) : MAX_JSON_BYTES;
  const stated = Number(answer.headers.get("content-length") ?? 0);
  if (answer.ok && stated > most) {
    await answer.body?.cancel();
    throw tooLarge(id, most, range);
  }
  let body = await readBody(answer, most, () => tooLarge(id, most, range));
  const headers = new Headers(answer.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  if (!headers.has("etag")) headers.set("etag", "none"); // mirrors leave it out, the library insists
  if (range === null || answer.status !== 200)
    return new Response(body.length > 0 ? body : null, { status: answer.status, headers });
  const [from, to] = rangeOf(range);
  const total = body.length;
  body = body.subarray(from, to + 1);
  headers.set("content-range", `bytes ${from}-${from + body.length - 1}/${total}`);
  return new Response(body, { status: 206, headers });
}

async function readBody(
  answer: Response,
  most: number,
  refuse: () => InputError,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > most) throw refuse(); // leaving the loop cancels the body
    chunks.push(chunk);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

const tooLarge = (id: string, most: number, range: string | null): InputError =>
  new InputError(
    "too-large",
    range === null || most === MAX_JSON_BYTES
      ? `The hub's answer for ${id} is larger than the ${most} bytes that such a file may have: it is no config, index or header, so nothing of it was used.`
      : `The hub sends more than the ${most} bytes of a file of ${id} that it was asked for: check HF_ENDPOINT, or try again later.`,
    id,
  );

const rangeOf = (range: string): [number, number] => {
  const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
  return [Number(from), Number(to)];
};

function rangeLength(range: string): number {
  const [from, to] = rangeOf(range);
  return Math.min(to - from + 1, MAX_RANGE_BYTES);
}

/** Milliseconds, from seconds or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

const commitOf = (value: string | null): string | undefined =>
  value !== null && /^[0-9a-f]{40}$/.test(value) ? value : undefined;

/** Why the connection failed, in the system's word: fetch wraps it twice. */
function reasonOf(error: unknown): string {
  const via =
    error instanceof Error && error.message.startsWith("through ") ? ` ${error.message}` : "";
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") return cause.code + via;
  }
  return `connection broken${via}`;
}

/** Worth another try: the connection broke. A name that does not resolve or a refused connection stays as it is. */
const isPassing = (error: unknown): boolean =>
  !/^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|CERT|DEPTH|SELF|UNABLE|ERR_)/.test(
    reasonOf(error),
  );

const unreachable = (host: string, id: string, error: unknown): InputError =>
  new InputError(
    "unreachable",
    `${notHere(id)}, and ${host} cannot be reached (${reasonOf(error)}): check the network, or give the path of its config.json.`,
    id,
  );

const tooSlow = ({ endpoint, timeoutSeconds }: Settings, id: string): InputError =>
  new InputError(
    "unreachable",
    `${endpoint.host} did not deliver ${id} within ${timeoutSeconds} s: try again, or allow more with --timeout.`,
    id,
  );
