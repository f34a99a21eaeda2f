import { refuseForeign } from "./config/foreign.ts";
import { own, type RawConfig } from "./config/raw.ts";
import { InputError, nearest, shown } from "./errors.ts";
import { looksLike } from "./families/assume.ts";
import type { Family } from "./families/family.ts";
import { families } from "./families/index.ts";

let byType: ReadonlyMap<string, Family> | undefined;
let byArchitecture: ReadonlyMap<string, Family> | undefined;

/** The family that a config belongs to, by `model_type`, or by `architectures` where it has none. */
export function findFamily(raw: RawConfig): Family | undefined {
  byType ??= new Map(families.flatMap((family) => family.modelTypes.map((type) => [type, family])));
  byArchitecture ??= new Map(
    families.flatMap((family) => family.architectures.map((name) => [name, family])),
  );
  const type = own(raw, "model_type");
  if (typeof type === "string") {
    return byType.get(type);
  } else if (type !== undefined && type !== null) {
    throw new InputError(
      "wrong-type",
      `model_type is ${shown(type)}, but must be a string such as "whisper": correct it in the config.`,
      "model_type",
    );
  }
  const named = firstArchitecture(raw);
  return named === undefined ? undefined : byArchitecture.get(named);
}

/** Why a config belongs to no family. */
export function unknownModel(raw: RawConfig): InputError {
  const type = own(raw, "model_type");
  const named = firstArchitecture(raw);
  const like = looksLike(raw, named);
  const hint =
    like && `its fields look like ${like.kind}'s, as which --assume ${like.name} describes it`;
  const what = "an architecture that is not described here";
  if (typeof type === "string")
    return unknownType(type, "model_type", [...(byType?.keys() ?? [])], what, hint);
  if (named !== undefined)
    return unknownType(named, "architectures", [...(byArchitecture?.keys() ?? [])], what, hint);
  refuseForeign(raw);
  return new InputError(
    "missing-field",
    "model_type is missing, and so is architectures: this is not the config.json of a model that can be described.",
    "model_type",
  );
}

/** The refusal of an architecture by its name, with the nearest ones that are known. */
export function unknownType(
  value: unknown,
  field: string,
  known: readonly string[],
  what: string,
  hint?: string,
): InputError {
  const near =
    typeof value === "string" ? ` (nearest known: ${nearest(value, known).join(", ")})` : "";
  return new InputError(
    "unknown-model-type",
    `${field} is ${shown(value)}, ${what}, and an estimate for another one would be a guess${near}; ${hint === undefined ? "" : `${hint}; `}\`models\` lists all.`,
    field,
  );
}

/** The class that a config names, if it does. */
export function firstArchitecture(raw: RawConfig): string | undefined {
  const list = own(raw, "architectures");
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  return typeof first === "string" ? first : undefined;
}
