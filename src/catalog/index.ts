import { aliases } from "./aliases.ts";
import { configs } from "./data.ts";

/** The config of a known model as parsed JSON, or undefined. Each is parsed only when it is asked for. */
export function catalogConfig(id: string): unknown {
  const key = Object.hasOwn(aliases, id) ? aliases[id] : id;
  const text = key !== undefined && Object.hasOwn(configs, key) ? configs[key] : undefined;
  return text === undefined ? undefined : JSON.parse(text);
}

/** Every id that {@link catalogConfig} knows, aliases included, in alphabetical order. */
export function catalogIds(): readonly string[] {
  return [...Object.keys(configs), ...Object.keys(aliases)].sort((a, b) =>
    a.localeCompare(b, "en"),
  );
}
