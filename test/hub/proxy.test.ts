import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, request as forward, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { catalogConfig, describe as describeModel, InputError } from "llm-memory-calculator";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openId } from "../../src/hub/open.ts";
import { FakeHub } from "./fake-hub.ts";
import { safetensors, tensorsOf } from "./writers.ts";

const TOKEN = "hf_secretsecretsecret";
const ID = "someone/whisper";
const config = catalogConfig("openai/whisper-tiny") as Record<string, unknown>;

interface Passed {
  readonly line: string;
  readonly authorization: string | undefined;
  readonly proxyAuthorization: string | undefined;
}

/** A proxy as companies have them: forwards plain requests, tunnels the others. */
class ForwardProxy {
  readonly passed: Passed[] = [];
  /** Status with which it refuses everything. */
  refuses: number | undefined;
  #server: Server | undefined;
  port = 0;

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#note(`${request.method} ${request.url}`, request.headers);
      if (this.refuses !== undefined) {
        response.writeHead(this.refuses).end("no");
        return;
      }
      const { "proxy-authorization": _own, "proxy-connection": _old, ...headers } = request.headers;
      const onward = forward(request.url ?? "", { method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on("error", () => response.writeHead(502).end());
      request.pipe(onward);
    });
    server.on("connect", (request, socket) => {
      this.#note(`CONNECT ${request.url}`, request.headers);
      if (this.refuses !== undefined) {
        socket.end(`HTTP/1.1 ${this.refuses} No\r\n\r\n`);
        return;
      }
      const [host = "", port = "443"] = (request.url ?? "").split(":");
      const onward = connect(Number(port), host, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
    });
    this.#server = server;
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    this.port = (server.address() as AddressInfo).port;
  }

  #note(line: string, headers: Record<string, string | string[] | undefined>): void {
    const one = (name: string) => headers[name]?.toString();
    this.passed.push({
      line,
      authorization: one("authorization"),
      proxyAuthorization: one("proxy-authorization"),
    });
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

const proxy = new ForwardProxy();
let hub: FakeHub;
let scratch: string;
beforeAll(async () => {
  hub = await FakeHub.start();
  await proxy.start();
});
afterAll(() => {
  hub.stop();
  proxy.stop();
});
beforeEach(() => {
  hub.reset();
  hub.add(ID, {
    "config.json": config,
    "model.safetensors": safetensors(tensorsOf(describeModel(config).root, "F32")),
  });
  proxy.passed.length = 0;
  proxy.refuses = undefined;
  scratch = mkdtempSync(join(tmpdir(), "proxy-"));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("HF_TOKEN", TOKEN);
  vi.stubEnv("HF_HOME", join(scratch, "hf"));
  vi.stubEnv("LLM_MEMORY_CALCULATOR_CACHE", join(scratch, "own"));
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HF_HUB_CACHE"]) {
    vi.stubEnv(name, "");
    vi.stubEnv(name.toLowerCase(), "");
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true, force: true });
});

async function refusal(): Promise<string> {
  const error: unknown = await openId(ID).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof InputError)) throw error ?? new Error("opened");
  expect(error.message).not.toMatch(/secret|\n/);
  return error.message;
}

describe("a proxy that the environment names", () => {
  it.each(["HTTP_PROXY", "http_proxy", "ALL_PROXY"])(
    "in %s carries every request",
    async (name) => {
      vi.stubEnv(name, `http://me:pass%20word@127.0.0.1:${proxy.port}`);
      const { checkpoint } = await openId(ID);
      expect(checkpoint?.tensors).toHaveLength(167);
      expect(proxy.passed).toHaveLength(hub.asked.length);
      const credentials = `Basic ${Buffer.from("me:pass word").toString("base64")}`;
      for (const { proxyAuthorization } of proxy.passed)
        expect(proxyAuthorization).toBe(credentials);
    },
  );

  it("sees the token on the way to the endpoint only, and the storage never does", async () => {
    vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${proxy.port}`);
    await openId(ID);
    expect(hub.asked.some(({ server }) => server === "storage")).toBe(true);
    for (const { server, authorization } of hub.asked)
      expect(authorization).toBe(server === "hub" ? `Bearer ${TOKEN}` : undefined);
    for (const { line, authorization } of proxy.passed)
      expect(authorization).toBe(
        line.startsWith(`GET ${hub.endpoint}/`) ? `Bearer ${TOKEN}` : undefined,
      );
    for (const name of readdirSync(scratch, { recursive: true }).map(String)) {
      const path = join(scratch, name);
      if (statSync(path).isFile()) expect(readFileSync(path, "utf8")).not.toContain(TOKEN);
    }
  });

  it("is passed over for hosts in NO_PROXY", async () => {
    vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${proxy.port}`);
    vi.stubEnv("NO_PROXY", "example.com,127.0.0.1");
    await openId(ID);
    expect(proxy.passed).toEqual([]);
  });

  it("is asked for a tunnel to an https endpoint, without the token", async () => {
    vi.stubEnv("HTTPS_PROXY", `http://127.0.0.1:${proxy.port}`);
    vi.stubEnv("HF_ENDPOINT", "https://hub.invalid");
    expect(await refusal()).toMatch(/hub\.invalid cannot be reached/);
    expect(proxy.passed.length).toBeGreaterThan(0);
    for (const { line, authorization } of proxy.passed) {
      expect(line).toBe("CONNECT hub.invalid:443");
      expect(authorization).toBeUndefined();
    }
  });

  it.each([
    ["http", 407, /proxy 127\.0\.0\.1:\d+ wants a user and a password \(407\)/],
    ["https", 407, /proxy 127\.0\.0\.1:\d+ wants a user and a password \(407\)/],
    ["https", 403, /proxy 127\.0\.0\.1:\d+ refuses the connection \(403\)/],
  ])("that refuses %s (%i) is not taken for the hub", async (scheme, status, sentence) => {
    vi.stubEnv(`${scheme.toUpperCase()}_PROXY`, `http://127.0.0.1:${proxy.port}`);
    if (scheme === "https") vi.stubEnv("HF_ENDPOINT", "https://hub.invalid");
    proxy.refuses = status;
    expect(await refusal()).toMatch(sentence);
    expect(proxy.passed).toHaveLength(1);
  });

  it("that is not there is named, without its password", async () => {
    vi.stubEnv("HTTP_PROXY", "http://me:secret@127.0.0.1:1");
    expect(await refusal()).toMatch(
      /cannot be reached \(ECONNREFUSED through the proxy 127\.0\.0\.1:1\)/,
    );
  });

  it("that is no http address is refused", async () => {
    vi.stubEnv("HTTP_PROXY", "socks5://127.0.0.1:1080");
    expect(await refusal()).toMatch(/no http\(s\) address/);
  });

  it("does not lift the bound on time", async () => {
    vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${proxy.port}`);
    hub.fault = () => true;
    const start = Date.now();
    await expect(openId(ID, { timeout: 0.4 })).rejects.toThrow(/within 0.4 s/);
    expect(Date.now() - start).toBeLessThan(3000);
  });
});
