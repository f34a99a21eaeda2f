import { describe } from "../core/describe.ts";
import { InputError, shown } from "../core/errors.ts";
import type { Model } from "../core/model.ts";

/** More parts than any published model refers to. */
const MAX_REFERENCES = 8;

/** Describes a config whose references have to be fetched: each one that turns out to be needed is, then it is tried again. */
export async function describeWith(
  config: unknown,
  fetchConfig: (id: string) => Promise<unknown>,
  assume?: string,
): Promise<Model> {
  const known = new Map<string, unknown>();
  for (;;) {
    const asked: string[] = [];
    const resolve = (id: string): unknown => {
      if (!known.has(id)) asked.push(id);
      return known.get(id);
    };
    try {
      return describe(config, { resolve, ...(assume !== undefined && { assume }) });
    } catch (error) {
      const [needed] = asked;
      const mayHelp = error instanceof InputError && error.code === "unresolved-reference";
      if (!mayHelp || needed === undefined || known.size >= MAX_REFERENCES) throw error;
      known.set(needed, await referred(needed, error.path, fetchConfig));
    }
  }
}

/** @throws InputError that names the field which refers to what cannot be had. */
export async function referred(
  id: string,
  field: string | undefined,
  fetchConfig: (id: string) => Promise<unknown>,
): Promise<unknown> {
  try {
    return await fetchConfig(id);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      error.code,
      `${field ?? "The config"} refers to ${shown(id)}, whose config.json cannot be had: ${error.message}`,
      field,
    );
  }
}
