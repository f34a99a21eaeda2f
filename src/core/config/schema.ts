import * as z from "zod/mini";
import { InputError, shown } from "../errors.ts";
import { grouped } from "../units.ts";
import { own, type RawConfig, within } from "./raw.ts";

/** Widths, heads, vocabularies. The largest published is under 2²⁰ (a vocabulary); beyond 2²⁴ a field is a mistake. */
export const MAX_DIMENSION = 2 ** 24;
/** Layers or experts. The largest published is under 1,000; the limit keeps index lists short. */
export const MAX_COUNT = 100_000;
/** Positions. Llama 4 Scout states 10 485 760. */
export const MAX_POSITIONS = 2 ** 31;

const whole = (least: number, most: number) => {
  const requirement = `a whole number from ${grouped(least)} to ${grouped(most)}`;
  return z.int(requirement).check(z.minimum(least, requirement), z.maximum(most, requirement));
};

/** A width, a number of heads, a vocabulary: required unless a default is given. */
export const dimension = () => whole(1, MAX_DIMENSION);
/** A number of layers or experts; 0 where a part may be absent. */
export const count = (least: 0 | 1 = 1) => whole(least, MAX_COUNT);
export const positions = () => whole(1, MAX_POSITIONS);
export const integer = (least: number, most: number) => whole(least, most);
export const decimal = () => z.number("a finite number");
export const flag = () => z.boolean("true or false");
export const text = () => z.string("a string");
/** One value for all layers, or one for each. */
export const oneOrList = <T extends z.ZodMiniType>(item: T) =>
  z.union([item, z.array(item)], "a number or a list of numbers");
export const list = <T extends z.ZodMiniType>(item: T) => z.array(item, "a list");
/** One, or a list of them: `14` or `[14, 14]`. */
export const oneOrMany = <T extends z.ZodMiniType>(
  item: T,
  requirement = "a whole number or a list of them",
) => z.union([item, z.array(item)], requirement);
export const anything = () => z.unknown();
/** A field that may hold either of two things, such as one width for all layers or a list with one for each. */
export const either = <A extends z.ZodMiniType, B extends z.ZodMiniType>(
  a: A,
  b: B,
  what: string,
) => z.union([a, b], what);

/** The default that the reference implementation's config class has. */
export const or = <T extends z.ZodMiniType>(schema: T, value: z.output<T>) =>
  z._default(schema, value as never);
export const maybe = <T extends z.ZodMiniType>(schema: T) => z.optional(schema);
/** A field for which `null` says something other than absence (`sliding_window: null`: none). */
export const orNull = <T extends z.ZodMiniType>(schema: T) => z.nullable(schema);

/** A field that may be `"auto"`: then the reference derives it from others. */
export const orAuto = <T extends z.ZodMiniType>(schema: T) =>
  z.union([z.literal("auto"), schema], '"auto" or a whole number');

type Fields = Record<string, z.ZodMiniType>;
type Parsed<F extends Fields> = z.output<z.ZodMiniObject<F>>;

/** Where a config is being read, and what was found on the way. */
export interface Door {
  /** Path of the section, "" at the top: "text_config". */
  readonly path: string;
  /** Fields that the config leaves out and for which the reference class's default was taken. */
  readonly defaulted: Set<string>;
}

/**
 * A reader for one section of a config: checks the fields of `fields`, ignores all others, takes `null` for absent
 * (except where a field is {@link orNull}). The schema is built when it is first used, because building every
 * family's at start-up would cost more than an estimate does.
 * @throws InputError that names the field, its value, and what it must be.
 */
export function reader<F extends Fields>(
  fields: () => F,
): (raw: RawConfig, door: Door) => Parsed<F> {
  let built: { schema: z.ZodMiniObject<F>; keys: readonly string[]; nullable: ReadonlySet<string> };
  return (raw, door) => {
    built ??= build(fields());
    const present: Record<string, unknown> = {};
    for (const key of built.keys) {
      const value = own(raw, key);
      if (value === undefined || (value === null && !built.nullable.has(key))) continue;
      present[key] = value;
    }
    const result = z.safeParse(built.schema, present);
    if (!result.success) throw refusal(result.error.issues[0], present, door.path);
    for (const key of built.keys) {
      if (!(key in present) && result.data[key as keyof typeof result.data] !== undefined) {
        door.defaulted.add(within(door.path, key));
      }
    }
    return result.data as Parsed<F>;
  };
}

function build<F extends Fields>(fields: F) {
  const keys = Object.keys(fields);
  const nullable = new Set(
    keys.filter((key) => fields[key] && z.safeParse(fields[key], null).success),
  );
  return { schema: z.object(fields), keys, nullable };
}

type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };

function refusal(issue: Issue | undefined, raw: RawConfig, path: string): InputError {
  const keys = (issue?.path ?? []).map(String);
  const field = keys.reduce((at, key) => within(at, key), path);
  let value: unknown = raw;
  for (const key of keys) {
    value = typeof value === "object" && value !== null ? (value as RawConfig)[key] : undefined;
  }
  if (value === undefined) {
    return new InputError(
      "missing-field",
      `${field} is missing and has no default (it must be ${issue?.message ?? "there"}): add it to the config.`,
      field,
    );
  }
  const code = typeof value === "number" ? "out-of-range" : "wrong-type";
  return new InputError(
    code,
    `${field} is ${shown(value)}, but must be ${issue?.message ?? "something else"}: correct it in the config.`,
    field,
  );
}
