/**
 * `npm run accuracy`: predicted against observed bytes, model by model and phase by phase. `--worst N` lists the N worst
 * runs; `--only TEXT` looks at some models.
 */
import { type Comparison, comparisons } from "../test/measurements/compare.ts";
import { logComparisons } from "../test/measurements/vllm.ts";

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
const percent = (x: number): string => `${(100 * x).toFixed(3)} %`;

function summary(name: string, rows: readonly Comparison[]): string {
  const errors = rows.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  return [
    name.padEnd(44),
    String(rows.length).padStart(5),
    ...[0.5, 0.95, 1].map((q) => percent(quantile(errors, q)).padStart(10)),
  ].join(" ");
}

const only = option("only") ?? "";
const all = comparisons().filter(({ model, file }) => model.includes(only) || file.includes(only));
console.log(`${"model, phase".padEnd(44)}  runs     median       95 %        max`);
const groups = new Map<string, Comparison[]>();
for (const row of all) {
  const key = `${row.file} ${row.phase}`;
  groups.set(key, [...(groups.get(key) ?? []), row]);
}
for (const [name, rows] of groups) console.log(summary(name, rows));
console.log(summary("all", all));
const worst = Number(option("worst") ?? 0);
for (const row of [...all].sort((a, b) => Math.abs(b.error) - Math.abs(a.error)).slice(0, worst)) {
  console.log(
    `${percent(row.error)} ${row.file} ${row.phase} predicted ${row.predicted} observed ${row.observed} ${row.run}`,
  );
}

console.log(`\n${"vLLM".padEnd(58)}  predicted      logged      error`);
for (const { what, model, predicted, logged, error } of logComparisons()) {
  const figures = [predicted, logged].map((x) =>
    x.toFixed(what === "KV blocks" ? 0 : 3).padStart(11),
  );
  console.log(
    `${`${what}: ${model}`.padEnd(58)}${figures.join(" ")} ${percent(error).padStart(10)}`,
  );
}
