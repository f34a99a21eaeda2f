/**
 * `npm run accuracy`: predicted against observed bytes, model by model and phase by phase. `--worst N` lists the N worst
 * runs; `--only TEXT` looks at some models; `--write` puts the tables into docs/accuracy.md.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { type Comparison, comparisons } from "../test/measurements/compare.ts";
import { EXPLAINED } from "../test/measurements/explained.ts";
import { logComparisons } from "../test/measurements/vllm.ts";

const DOCS = "docs/accuracy.md";

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
const percent = (x: number): string => `${(100 * x).toFixed(3)} %`;

/** Runs, median, 95 % and the largest error. */
function figures(rows: readonly Comparison[]): readonly string[] {
  const errors = rows.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  return [String(rows.length), ...[0.5, 0.95, 1].map((q) => percent(quantile(errors, q)))];
}

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");

const vllmRows = (): string[][] =>
  logComparisons().map(({ what, model, predicted, logged, error }) => {
    const digits = what === "KV blocks" ? 0 : 3;
    return [`${what}: ${model}`, predicted.toFixed(digits), logged.toFixed(digits), percent(error)];
  });

/** Puts `table` between the two markers of `name`. */
function between(text: string, name: string, table: string): string {
  const [start, end] = [`<!-- accuracy:${name} -->`, `<!-- /accuracy:${name} -->`];
  const from = text.indexOf(start);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${DOCS} lacks the markers ${start} and ${end}`);
  return `${text.slice(0, from)}${start}\n\n${table}\n\n${text.slice(to)}`;
}

function byPhase(all: readonly Comparison[]): ReadonlyMap<string, readonly Comparison[]> {
  const groups = new Map<string, Comparison[]>();
  for (const row of all) {
    const key = `${row.file} ${row.phase}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}

function main(): void {
  const only = option("only") ?? "";
  const all = comparisons().filter(
    ({ model, file }) => model.includes(only) || file.includes(only),
  );
  const groups = byPhase(all);
  const expected = all.filter(({ file, phase }) => !EXPLAINED.has(`${file} ${phase}`));
  const table = [
    ...[...groups].map(([name, rows]) => [
      EXPLAINED.has(name) ? `${name} (explained below)` : name,
      ...figures(rows),
    ]),
    ["all but the explained", ...figures(expected)],
    ["all", ...figures(all)],
  ];
  if (process.argv.includes("--write")) {
    const text = readFileSync(DOCS, "utf8");
    const runs = markdown(["model and phase", "runs", "median", "95 %", "max"], table);
    const logs = markdown(["figure", "predicted", "logged", "error"], vllmRows());
    writeFileSync(DOCS, between(between(text, "transformers", runs), "vllm", logs));
    return;
  }
  const widths = [54, 6, 11, 11, 11];
  const print = (cells: readonly string[]): void =>
    console.log(
      cells
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join(""),
    );
  print(["model, phase", "runs", "median", "95 %", "max"]);
  table.forEach(print);
  const worst = Number(option("worst") ?? 0);
  const size = ({ error }: Comparison): number => Math.abs(error);
  for (const row of [...all].sort((a, b) => size(b) - size(a)).slice(0, worst)) {
    console.log(
      `${percent(row.error)} ${row.file} ${row.phase} predicted ${row.predicted} observed ${row.observed} ${row.run}`,
    );
  }
  console.log("");
  print(["vLLM", "", "predicted", "logged", "error"]);
  for (const [name = "", ...cells] of vllmRows()) print([name, "", ...cells]);
}

main();
