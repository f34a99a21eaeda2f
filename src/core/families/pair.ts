import { within } from "../config/raw.ts";
import { InputError } from "../errors.ts";
import type { Context } from "./family.ts";

/** The two values of a list that must hold two. */
export function pairOf<T>(values: readonly T[], field: string, context: Context): readonly [T, T] {
  const [a, b] = values;
  if (values.length === 2 && a !== undefined && b !== undefined) return [a, b];
  const path = within(context.path, field);
  throw new InputError(
    "out-of-range",
    `${path} has a list of ${values.length}, but must hold two values: correct it in the config.`,
    path,
  );
}
