/**
 * Takes observations of transformers over, one compact file per model: `npm run measurements -- DIR`.
 * DIR holds `.jsonl` files with one run a line: bytes alive at the peak of each phase, above parameters and buffers,
 * and the caches by kind (docs/accuracy.md says how they were made).
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Run {
  readonly name: string;
  readonly config_file: string | null;
  readonly dtype?: string;
  readonly attn: string;
  readonly scenario: Readonly<Record<string, number | string>>;
  readonly torch: string;
  readonly transformers: string;
  readonly cache: Readonly<Record<string, number>> | null;
  /** Shapes of the logits that prefill gave. */
  readonly prefill_logits?: readonly (readonly number[] | string)[] | null;
  readonly phases: Readonly<
    Record<string, { readonly peak: number; readonly peak_with_workspace?: number }>
  >;
}

/** `generate()` puts the decoder's start token before the prompt: one more row of logits than was asked for. */
function startPrepended({ prefill_logits, scenario }: Run): boolean {
  const shape = prefill_logits?.[0];
  return Array.isArray(shape) && shape[1] === Number(scenario.prompt) + 1;
}

const KEPT = "test/measurements/transformers";
const source = process.argv[2];
if (source === undefined) throw new Error("usage: npm run measurements -- DIR");
for (const file of readdirSync(source).filter((name) => name.endsWith(".jsonl"))) {
  const runs = readFileSync(join(source, file), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Run)
    .filter((run) => run.dtype !== undefined);
  const [first] = runs;
  if (!first?.config_file) continue;
  const rows = runs.map((run) => {
    const peaks = Object.fromEntries(
      Object.entries(run.phases).map(([phase, at]) => [phase, at.peak_with_workspace ?? at.peak]),
    );
    return JSON.stringify({
      dtype: run.dtype,
      attn: run.attn,
      ...run.scenario,
      ...(startPrepended(run) && { start: 1 }),
      peaks,
      caches: run.cache ?? {},
    });
  });
  const head = {
    model: first.config_file.replace("__", "/"),
    transformers: first.transformers,
    torch: first.torch,
  };
  writeFileSync(
    join(KEPT, file.replace(/\.jsonl$/, ".json")),
    `${JSON.stringify(head).slice(0, -1)},"runs":[\n${rows.join(",\n")}\n]}\n`,
  );
}
