import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A file of a repository: its bytes, and its size where only its beginning exists (weights that nobody may ask for). */
export interface HubFile {
  readonly bytes: Buffer;
  readonly size?: number;
}

export interface Asked {
  readonly server: "hub" | "storage";
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** Answers a request in the hub's place; true: it did. */
export type Fault = (request: IncomingMessage, response: ServerResponse, count: number) => boolean;

/**
 * A hub on loopback: resolves files, lists repositories, sends weights to a storage of another origin as the real one
 * does. `fault` comes first, and misbehaves.
 */
export class FakeHub {
  readonly repositories = new Map<string, Map<string, HubFile>>();
  readonly commit = "0123456789abcdef0123456789abcdef01234567";
  readonly asked: Asked[] = [];
  fault: Fault | undefined;
  #servers: Server[] = [];
  #storage = "";
  endpoint = "";

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    hub.#storage = await hub.#listen("storage");
    hub.endpoint = await hub.#listen("hub");
    return hub;
  }

  stop(): void {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  reset(): void {
    this.repositories.clear();
    this.asked.length = 0;
    this.fault = undefined;
  }

  add(id: string, files: Readonly<Record<string, HubFile | object | string>>): void {
    const all = new Map<string, HubFile>();
    for (const [name, file] of Object.entries(files)) {
      const text = typeof file === "string" ? file : JSON.stringify(file);
      all.set(name, isFile(file) ? file : { bytes: Buffer.from(text) });
    }
    this.repositories.set(id, all);
  }

  async #listen(name: Asked["server"]): Promise<string> {
    const server = createServer((request, response) => this.#answer(name, request, response));
    this.#servers.push(server);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  #answer(server: Asked["server"], request: IncomingMessage, response: ServerResponse): unknown {
    const path = decodeURIComponent(request.url ?? "");
    const { authorization, range } = request.headers;
    this.asked.push({ server, path, authorization, range });
    if (this.fault?.(request, response, this.asked.length)) return undefined;
    const listed = /^\/api\/models\/(.+)\/tree\/([^/?]+)/.exec(path);
    if (listed) return this.#list(listed[1] ?? "", response);
    const [, id = "", file = ""] = /^\/(.+?)\/resolve\/[^/]+\/(.+)$/.exec(path) ?? [];
    const repository = this.repositories.get(id);
    if (!repository) return refuse(response, 404, "RepoNotFound");
    const found = repository.get(file);
    if (!found) return refuse(response, 404, "EntryNotFound");
    response.setHeader("x-repo-commit", this.commit);
    if (server === "hub" && /\.(safetensors|gguf)$/.test(file)) {
      response.writeHead(302, { location: `${this.#storage}${request.url}` });
      return response.end("Found");
    }
    return send(found, range, response);
  }

  #list(id: string, response: ServerResponse): unknown {
    const repository = this.repositories.get(id);
    if (!repository) return refuse(response, 404, "RepoNotFound");
    const entries = [...repository].map(([path, { bytes, size }]) => ({
      type: "file",
      path,
      size: size ?? bytes.length,
      oid: "0",
    }));
    response.setHeader("content-type", "application/json");
    return response.end(JSON.stringify(entries));
  }
}

const isFile = (file: unknown): file is HubFile =>
  typeof file === "object" && file !== null && "bytes" in file && Buffer.isBuffer(file.bytes);

export function refuse(response: ServerResponse, status: number, code?: string): void {
  response.writeHead(status, { ...(code && { "x-error-code": code }) });
  response.end(`{"error":"secret details"}`);
}

function send(file: HubFile, range: string | undefined, response: ServerResponse): void {
  const size = file.size ?? file.bytes.length;
  response.setHeader("etag", '"abc"');
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  if (from === undefined || to === undefined) {
    // What the file would have behind its header, as far as anyone could ask for all of it.
    const rest = Math.min(size, 2 ** 21) - file.bytes.length;
    response.end(rest > 0 ? Buffer.concat([file.bytes, Buffer.alloc(rest)]) : file.bytes);
    return;
  }
  const end = Math.min(Number(to) + 1, size);
  const part = Buffer.alloc(end - Number(from));
  file.bytes.copy(part, 0, Number(from), end);
  response.writeHead(206, { "content-range": `bytes ${from}-${end - 1}/${size}` });
  response.end(part);
}
