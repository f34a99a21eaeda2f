import { own, type RawConfig, within } from "./raw.ts";
import type { Door } from "./schema.ts";

interface Layers {
  /** What the composite model sets whatever the section says. */
  readonly fixed?: RawConfig;
  /** Other names that the reference's config class takes for a field, and that win over it: `{ d_model: "hidden_size" }`. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** What a composite model fills into a section that leaves a field out; noted as defaulted. */
  readonly presets?: RawConfig;
}

/** The same section as its reference class would see it. Reads no field before it is asked for. */
export function layered(
  raw: RawConfig,
  door: Door,
  { fixed = {}, aliases = {}, presets = {} }: Layers,
): RawConfig {
  const others = new Map<string, string[]>();
  for (const [alias, field] of Object.entries(aliases)) {
    others.set(field, [...(others.get(field) ?? []), alias]);
  }
  const value = (key: PropertyKey): unknown => {
    if (typeof key !== "string") return undefined;
    if (Object.hasOwn(fixed, key)) return fixed[key];
    const names = [...(others.get(key) ?? []), key];
    for (const name of names) {
      const found = own(raw, name);
      if (found !== undefined) return found;
    }
    const preset = own(presets, key);
    if (preset !== undefined) door.defaulted.add(within(door.path, key));
    return preset;
  };
  return new Proxy<RawConfig>(
    {},
    {
      get: (_target, key) => value(key),
      getOwnPropertyDescriptor: (_target, key) => {
        const found = value(key);
        return found === undefined
          ? undefined
          : { value: found, configurable: true, enumerable: true, writable: true };
      },
    },
  );
}
