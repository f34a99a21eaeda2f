import { catalogConfig, catalogIds } from "../catalog/index.ts";
import { InputError, nearest, shown } from "../core/errors.ts";

/** What went wrong with a repository, as one sentence that says what to do. No URL that was asked for is ever shown. */

const suggestions = (id: string): string => `nearest: ${nearest(id, catalogIds()).join(", ")}`;

/** How every sentence begins about what was not found on this machine. */
export const notHere = (id: string): string =>
  catalogConfig(id) === undefined
    ? `${shown(id)} is neither a file here nor in the catalog (${suggestions(id)})`
    : `${shown(id)} was to be fetched`;

/** What the hub's answer means. @param code the hub's own word for it, from the header X-Error-Code. */
export function refused(
  status: number,
  code: string | null,
  about: { readonly id: string; readonly endpoint: URL; readonly hasToken: boolean },
): InputError {
  const id = shown(about.id);
  const { endpoint, hasToken } = about;
  const { host } = endpoint;
  const page = `${endpoint.href.replace(/\/$/, "")}/${about.id}`;
  if (code === "RevisionNotFound") {
    return new InputError(
      "unknown-model",
      `${id} has no such revision on ${host}: give a branch, a tag or a commit of it with --revision.`,
      "--revision",
    );
  }
  if (code === "GatedRepo" || (status === 403 && code !== "RepoNotFound")) {
    return new InputError(
      "no-access",
      hasToken
        ? `${id} is gated on ${host} and your token has no access (${status}): open ${page}, accept its conditions with the token's account, and try again.`
        : `${id} is gated on ${host} (${status}): open ${page}, accept its conditions, and set HF_TOKEN to a token of that account.`,
      about.id,
    );
  }
  if (status === 401 && hasToken && code !== "RepoNotFound") {
    return new InputError(
      "no-access",
      `${host} refuses the token (401): set HF_TOKEN to a valid one, or unset it for public models.`,
      "HF_TOKEN",
    );
  }
  if (status === 401 || status === 404 || code === "RepoNotFound") {
    return new InputError(
      "unknown-model",
      `${notHere(about.id)}, and ${host} has none of that name${hasToken ? "" : ", or only a private one that needs HF_TOKEN"} (${status}): check the id.`,
      about.id,
    );
  }
  if (status === 429) {
    return new InputError(
      "unreachable",
      `${host} refuses more requests for now (429): wait a few minutes${hasToken ? "" : ", or set HF_TOKEN for a higher limit"}.`,
      about.id,
    );
  }
  return new InputError(
    "unreachable",
    status >= 500
      ? `${host} has trouble of its own (${status}) and kept it after several tries: try again later, or give the path of the model's config.json.`
      : `${host} answered ${status} for ${id}, which makes no sense here: check HF_ENDPOINT and the id.`,
    about.id,
  );
}

/** @param why what keeps this run from the network. */
export function offline(id: string, why: string): InputError {
  return new InputError(
    "unreachable",
    `${notHere(id)}, the Hugging Face cache does not have it, and ${why}: give the path of its config.json.`,
    id,
  );
}

export const strange = (id: string, host: string): InputError =>
  new InputError(
    "unreachable",
    `${host} answers for ${shown(id)} in a way that no hub does: check HF_ENDPOINT.`,
    id,
  );
