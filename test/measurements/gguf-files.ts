import { readFileSync } from "node:fs";
import { calculateMemory, catalogConfig } from "llm-memory-calculator";

interface FileSet {
  readonly model: string;
  readonly source: string;
  readonly unit: "bpw" | "GB" | "GiB";
  /** Decimals of the page's figures; left out: three digits in all, as Hugging Face shows sizes. */
  readonly decimals?: number;
  readonly sizes: Readonly<Record<string, number>>;
  /** Files of the set that other rules made than today's. */
  readonly apart?: { readonly why: string; readonly mixes: readonly string[] };
}

export interface ComparedFile {
  readonly model: string;
  readonly mix: string;
  /** What the rule gives, over what the page states, less one. */
  readonly error: number;
  /** Bytes that the page states beyond the rule's tensors. */
  readonly beside: number;
  /** The page gives the whole file, not its tensors alone. */
  readonly whole: boolean;
  /** Bytes that are half of the page's last digit. */
  readonly rounding: number;
  readonly apart: string | undefined;
}

const { sets } = JSON.parse(
  readFileSync(new URL("gguf-files.json", import.meta.url), "utf8"),
) as { readonly sets: readonly FileSet[] };

const lastDigit = (stated: number, decimals: number | undefined): number =>
  10 ** (decimals === undefined ? Math.floor(Math.log10(stated)) - 2 : -decimals);

/** Every published file against the rule for its mixture. */
export const compared: readonly ComparedFile[] = sets.flatMap((set) =>
  Object.entries(set.sizes).map(([mix, stated]): ComparedFile => {
    const report = calculateMemory(catalogConfig(set.model), { quantization: mix });
    const bytes = report.ledger.lines
      .filter(({ kind, component }) => kind === "weights" && component !== "runtime")
      .reduce((sum, line) => sum + line.bytes, 0);
    const unit = { bpw: report.parameterCount / 8, GB: 1e9, GiB: 2 ** 30 }[set.unit];
    return {
      model: set.model,
      mix,
      error: bytes / unit / stated - 1,
      beside: stated * unit - bytes,
      whole: set.unit === "GB",
      rounding: 0.5 * lastDigit(stated, set.decimals) * unit,
      apart: set.apart?.mixes.includes(mix) ? set.apart.why : undefined,
    };
  }),
);

const percent = (value: number): string => `${(100 * value).toFixed(2).replace(/^-0\.00$/, "0.00")} %`;

/** The table of docs/quantization.md: by model, how far the rule is from the files. */
export function errorTable(): string {
  const rows = [...new Set(compared.map(({ model }) => model))].map((model) => {
    const files = compared.filter((one) => one.model === model && one.apart === undefined);
    const mean = files.reduce((sum, { error }) => sum + Math.abs(error), 0) / files.length;
    const worst = files.reduce((a, b) => (Math.abs(b.error) > Math.abs(a.error) ? b : a));
    return `| ${model} | ${files.length} | ${percent(mean)} | ${worst.mix} ${percent(worst.error)} |`;
  });
  return ["| model | files | mean error | largest |", "|---|---|---|---|", ...rows].join("\n");
}
