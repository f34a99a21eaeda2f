import { own, type RawConfig, within } from "../config/raw.ts";
import { InputError, nearest, shown } from "../errors.ts";
import type { Codec, CodecReader, CodecUse } from "./codec.ts";
import { readDac } from "./dac.ts";
import { readEncodec } from "./encodec.ts";
import type { Context } from "./family.ts";
import { readMimi } from "./mimi.ts";

const READERS: ReadonlyMap<string, CodecReader> = new Map([
  ["encodec", readEncodec],
  ["dac", readDac],
  ["mimi", readMimi],
]);

/**
 * The codec inside another model, by its `model_type`.
 * @param preset the type where the config names none.
 * @throws InputError for a codec that is not described.
 */
export function embeddedCodec(
  raw: RawConfig,
  context: Context,
  use: CodecUse,
  preset?: string,
): Codec {
  const type = own(raw, "model_type") ?? preset;
  const found = typeof type === "string" ? READERS.get(type) : undefined;
  if (found) return found(raw, context, use);
  const field = within(context.path, "model_type");
  throw new InputError(
    type === undefined ? "missing-field" : "unknown-model-type",
    `${field} is ${type === undefined ? "missing" : shown(type)}, but must be one of the codecs that are described here (nearest known: ${nearest(String(type), READERS.keys()).join(", ")}).`,
    field,
  );
}
