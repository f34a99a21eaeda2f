/** `npm run accuracy:training`: the training engine against what validation/training.py recorded; `--write` puts the table into docs/answers.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { type TrainingComparison, trainingComparisons } from "../test/measurements/training.ts";

const DOCS = "docs/answers.md";
const [START, END] = ["<!-- accuracy:training -->", "<!-- /accuracy:training -->"];

const all = trainingComparisons();
const percent = (x: number): string => `${(100 * x).toFixed(2)} %`;

function figures(rows: readonly TrainingComparison[]): string[] {
  const errors = rows.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  const at = (q: number) => errors[Math.min(errors.length - 1, Math.floor(q * errors.length))] ?? 0;
  return [String(errors.length), percent(at(0.5)), percent(at(0.95)), percent(at(1))];
}

const models = [...new Set(all.map(({ model }) => model))];
const kinds = ["kept after the forward pass", "peak"] as const;
const rows = [...models, "all"].flatMap((model) =>
  kinds.map((what) => [
    `${model}: ${what}`,
    ...figures(all.filter((row) => row.what === what && (model === "all" || row.model === model))),
  ]),
);
const table = [
  ["", "runs", "median", "95 %", "max"],
  ["---", "---:", "---:", "---:", "---:"],
  ...rows,
]
  .map((cells) => `| ${cells.join(" | ")} |`)
  .join("\n");

if (process.argv.includes("--write")) {
  const text = readFileSync(DOCS, "utf8");
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${DOCS} lacks the markers ${START} and ${END}`);
  writeFileSync(DOCS, `${text.slice(0, from)}${START}\n\n${table}\n\n${text.slice(to)}`);
} else {
  console.log(table);
  for (const row of [...all].sort((a, b) => Math.abs(b.error) - Math.abs(a.error)).slice(0, 300))
    console.log(percent(row.error), row.what, row.model, row.run, row.predicted, row.observed);
}
