/**
 * Takes truth files (what the reference implementation builds from a config: `validation/parameters.py`) over as test
 * fixtures, for every catalog model that has one: `npm run fixtures -- DIR`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { catalogIds } from "../src/catalog/index.ts";

const KEPT = "test/fixtures/parameters";
const FIELDS = [
  "id",
  "built_with",
  "transformers",
  "total",
  "components",
  "tied",
  "persistent_buffer_bytes",
  "nonpersistent_buffer_bytes",
  "names_differ",
  "tensors",
];

const source = process.argv[2];
if (source === undefined) throw new Error("usage: npm run fixtures -- DIR");
let taken = 0;
for (const id of catalogIds()) {
  const file = `${id.replace("/", "__")}.json`;
  const path = join(source, file);
  if (!existsSync(path)) continue;
  const truth = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  const lines = FIELDS.filter((key) => key in truth).map((key) => {
    const value = truth[key];
    if (key !== "tensors" || !Array.isArray(value)) return `  "${key}": ${JSON.stringify(value)}`;
    return `  "tensors": [\n${value.map((row) => `    ${JSON.stringify(row)}`).join(",\n")}\n  ]`;
  });
  writeFileSync(join(KEPT, file), `{\n${lines.join(",\n")}\n}\n`);
  taken += 1;
}
console.log(`${taken} fixtures`);
