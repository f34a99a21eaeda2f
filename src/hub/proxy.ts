import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { HttpProxyAgent } from "http-proxy-agent";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import { InputError } from "../core/errors.ts";

/** A GET whose redirects are left to the caller. */
export type Ask = (url: URL, headers: Headers, signal: AbortSignal) => Promise<Response>;

/** Statuses whose answers have no body. */
const EMPTY = new Set([204, 205, 304]);

/**
 * Asks through the proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name for this address; without one directly.
 * Node's own fetch does not read them before Node 24.
 */
export const askThroughProxy: Ask = async (url, headers, signal) => {
  const proxy = proxyFor(url);
  if (!proxy) return fetch(url, { headers, redirect: "manual", signal });
  const secure = url.protocol === "https:";
  const agent = secure ? new HttpsProxyAgent(proxy) : new HttpProxyAgent(proxy);
  return new Promise((resolve, reject) => {
    const request = (secure ? requestHttps : requestHttp)(url, {
      agent,
      signal,
      // What comes is read as it is: this client unpacks nothing.
      headers: { ...Object.fromEntries(headers), "accept-encoding": "identity" },
    });
    // A tunnel that the proxy refuses would look like the hub's own answer.
    if (secure) {
      request.once("proxyConnect", ({ statusCode }: { statusCode: number }) => {
        if (statusCode !== 200) request.destroy(refusedBy(proxy, statusCode));
      });
    }
    request.once("error", (error) => {
      reject(error instanceof InputError || signal.aborted ? error : unreachable(proxy, error));
    });
    request.once("response", (answer) => {
      const status = answer.statusCode ?? 502;
      if (status === 407) {
        request.destroy(refusedBy(proxy, status));
        return;
      }
      const own = new Headers();
      for (const [name, value] of Object.entries(answer.headers))
        if (value !== undefined) own.set(name, Array.isArray(value) ? value.join(", ") : value);
      const body = EMPTY.has(status) ? null : (Readable.toWeb(answer) as ReadableStream);
      resolve(new Response(body, { status, headers: own }));
    });
    request.end();
  });
};

function proxyFor(url: URL): URL | undefined {
  const found = getProxyForUrl(url.href);
  if (found === "") return undefined;
  const proxy = URL.canParse(found) ? new URL(found) : undefined;
  if (proxy && /^https?:$/.test(proxy.protocol)) return proxy;
  throw new InputError(
    "out-of-range",
    `The environment names a proxy for ${url.host} that is no http(s) address: correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or except the host in NO_PROXY.`,
    "HTTPS_PROXY",
  );
}

/** Never the proxy's whole address: it may hold a password. */
const refusedBy = ({ host }: URL, status: number): InputError =>
  new InputError(
    "unreachable",
    status === 407
      ? `The proxy ${host} wants a user and a password (407): put them into HTTPS_PROXY, as in http://user:password@${host}.`
      : `The proxy ${host} refuses the connection (${status}): check HTTPS_PROXY, or except the hub in NO_PROXY.`,
    "HTTPS_PROXY",
  );

/** The same error, as fetch throws it: with a cause that has the system's word for it. */
function unreachable(proxy: URL, error: Error): Error {
  return new TypeError(`through the proxy ${proxy.host}`, { cause: error });
}
