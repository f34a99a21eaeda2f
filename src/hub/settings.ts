import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { InputError, shown } from "../core/errors.ts";

/** What the user says about where models come from: options first, then the environment, as `huggingface_hub` reads it. */
export interface SourceOptions {
  /** Branch, tag or commit. Default "main". */
  readonly revision?: string;
  /** Straight to the hub: no catalog, no cache. */
  readonly refresh?: boolean;
  /** Seconds that everything from the network may take together. */
  readonly timeout?: number;
  /** Never use the network. */
  readonly offline?: boolean;
  /** What a model of unknown architecture is taken for (`describe`'s `assume`). */
  readonly assume?: string;
  /** Told what is being fetched. */
  readonly onFetch?: (what: string) => void;
}

export interface Settings {
  readonly endpoint: URL;
  readonly token: string | undefined;
  readonly offline: boolean;
  readonly refresh: boolean;
  readonly revision: string | undefined;
  /** The environment names a proxy for some address. */
  readonly proxied: boolean;
  readonly timeoutSeconds: number;
  readonly assume: string | undefined;
  /** Where transformers keeps what it has downloaded. */
  readonly hubCache: string;
  /** Where this program keeps the JSON that it has fetched. */
  readonly ownCache: string;
  readonly onFetch: (what: string) => void;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Also in small letters, as curl and Python read them. */
const PROXIES = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];
const DEFAULT_ENDPOINT = "https://huggingface.co";
const DEFAULT_TIMEOUT_SECONDS = 30;
/** An hour: longer waits are mistakes, and node's timers end at 2^31 ms. */
const MAX_TIMEOUT_SECONDS = 3600;
/** Branches, tags, commits, `refs/pr/1`: no dots in a row, nothing that means something in a URL or a path. */
const REVISION = /^(?!.*\.\.)[A-Za-z0-9_][\w.-]*(\/[A-Za-z0-9_][\w.-]*)*$/;

export function readSettings(options: SourceOptions, env: Env = process.env): Settings {
  const home = hfHome(env);
  const { revision } = options;
  if (revision !== undefined && (!REVISION.test(revision) || revision.length > 200)) {
    throw new InputError(
      "out-of-range",
      `--revision is ${shown(revision)}, which is no branch, tag or commit: use one such as main or a commit's hash.`,
      "--revision",
    );
  }
  return {
    endpoint: endpointOf(env),
    token: tokenOf(env, home),
    offline: options.offline ?? isOn(env.HF_HUB_OFFLINE),
    refresh: options.refresh ?? false,
    revision,
    assume: options.assume,
    proxied: PROXIES.some((name) => given(env[name]) ?? given(env[name.toLowerCase()])),
    timeoutSeconds: timeoutOf(options.timeout),
    hubCache: given(env.HF_HUB_CACHE) ?? given(env.HUGGINGFACE_HUB_CACHE) ?? join(home, "hub"),
    ownCache: ownCache(env),
    onFetch: options.onFetch ?? (() => undefined),
  };
}

function timeoutOf(seconds: number | undefined): number {
  if (seconds === undefined) return DEFAULT_TIMEOUT_SECONDS;
  if (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds;
  throw new InputError(
    "out-of-range",
    `--timeout is ${shown(seconds)}, but must be a number of seconds above 0 and up to ${MAX_TIMEOUT_SECONDS}.`,
    "--timeout",
  );
}

function endpointOf(env: Env): URL {
  const text = given(env.HF_ENDPOINT) ?? DEFAULT_ENDPOINT;
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    url = undefined; // refused below, together with what is a URL but no place to fetch from
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new InputError(
      "out-of-range",
      "HF_ENDPOINT is not an http(s) address without a user name: use one such as https://huggingface.co.",
      "HF_ENDPOINT",
    );
  }
  return new URL(url.origin + url.pathname.replace(/\/+$/, ""));
}

/** The token goes into a header: what cannot stand there is refused without being shown. */
function tokenOf(env: Env, home: string): string | undefined {
  const token =
    given(env.HF_TOKEN) ??
    given(env.HUGGING_FACE_HUB_TOKEN) ??
    (isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)
      ? undefined
      : tokenFile(given(env.HF_TOKEN_PATH) ?? join(home, "token")));
  const trimmed = token?.trim();
  if (trimmed === undefined || trimmed === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new InputError(
    "out-of-range",
    "The Hugging Face token has characters that no token has: set HF_TOKEN to one from https://huggingface.co/settings/tokens.",
    "HF_TOKEN",
  );
}

function tokenFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // nobody has logged in on this machine
  }
}

function hfHome(env: Env): string {
  const cache = given(env.XDG_CACHE_HOME) ?? join(homedir(), ".cache");
  return given(env.HF_HOME) ?? join(cache, "huggingface");
}

function ownCache(env: Env): string {
  const name = "llm-memory-calculator";
  return (
    given(env.LLM_MEMORY_CALCULATOR_CACHE) ??
    (process.platform === "win32" && given(env.LOCALAPPDATA)
      ? join(given(env.LOCALAPPDATA) ?? "", name, "cache")
      : join(given(env.XDG_CACHE_HOME) ?? join(homedir(), ".cache"), name))
  );
}

const given = (value: string | undefined): string | undefined => (value === "" ? undefined : value);

/** As `huggingface_hub` reads switches. */
const isOn = (value: string | undefined): boolean =>
  value !== undefined && ["1", "on", "yes", "true"].includes(value.toLowerCase());
