/**
 * Writes `src/catalog/data.ts` from `src/catalog/configs/*.json`.
 * With a folder of published configs (`<org>__<name>.json`) as argument, first takes over every one that can be
 * described, reduced to the fields that the description reads.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aliases } from "../src/catalog/aliases.ts";
import { parseJson } from "../src/core/config/raw.ts";
import { describe } from "../src/core/describe.ts";
import { InputError } from "../src/core/errors.ts";

const KEPT = "src/catalog/configs";
type Json = Record<string, unknown>;

const idOf = (file: string): string => file.replace(/\.json$/, "").replace("__", "/");
const readJson = (path: string): Json => parseJson(readFileSync(path, "utf8"), path) as Json;

/** Fields that say what was published rather than what is read today, and that later rules need. */
const ALWAYS = ["architectures", "model_type", "dtype", "torch_dtype", "quantization_config"];

/** The parts of `config` that `describe` looks at. */
function reduced(config: Json, resolve: (id: string) => unknown): Json {
  const watch = (value: Json, kept: Json): Json => {
    for (const key of ALWAYS) if (key in value) kept[key] = value[key];
    const note = (key: PropertyKey): unknown => {
      const found = typeof key === "string" && Object.hasOwn(value, key) ? value[key] : undefined;
      if (typeof key !== "string" || found === undefined) return found;
      if (typeof found !== "object" || found === null || Array.isArray(found)) {
        kept[key] = found;
        return found;
      }
      const inner = (kept[key] ?? {}) as Json;
      kept[key] = inner;
      return watch(found as Json, inner);
    };
    return new Proxy(value, {
      get: (_target, key) => note(key),
      getOwnPropertyDescriptor: (target, key) => {
        note(key);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
    });
  };
  const kept: Json = {};
  describe(watch(config, kept), { resolve });
  return kept;
}

function main(source: string | undefined): void {
  const resolve = (id: string): unknown => {
    const path = join(KEPT, `${(aliases[id] ?? id).replace("/", "__")}.json`);
    return existsSync(path) ? readJson(path) : undefined;
  };
  if (source !== undefined) {
    // Twice: a model that refers to another one needs that one to be there.
    for (const round of [1, 2]) {
      for (const file of readdirSync(source).filter((name) => name.endsWith(".json"))) {
        try {
          const kept = reduced(readJson(join(source, file)), resolve);
          writeFileSync(join(KEPT, file), `${JSON.stringify(kept, undefined, 2)}\n`);
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          if (round === 2) console.log(`${file}: ${error.message}`);
        }
      }
    }
  }
  const files = readdirSync(KEPT)
    .filter((name) => name.endsWith(".json"))
    .sort();
  const entries = files.map(
    (file) =>
      `  ${JSON.stringify(idOf(file))}:\n    ${JSON.stringify(JSON.stringify(readJson(join(KEPT, file))))},`,
  );
  writeFileSync(
    "src/catalog/data.ts",
    `// Written by scripts/catalog.ts from src/catalog/configs; do not edit.\nexport const configs: Readonly<Record<string, string>> = {\n${entries.join("\n")}\n};\n`,
  );
  console.log(`${files.length} configs, ${Object.keys(aliases).length} aliases`);
}

main(process.argv[2]);
