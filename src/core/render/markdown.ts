import { type Column, type Row, type RowWriter, readable } from "./rows.ts";

/** A table in Markdown (GitHub's): numbers to the right, bars in cells escaped. */
export function markdown(columns: readonly Column[]): RowWriter {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return {
    head: () =>
      line(columns.map(({ label }) => label)) +
      `|${columns.map(({ as }) => (as ? "---:" : "---")).join("|")}|\n`,
    row: (row: Row) => line(columns.map(({ key, as }) => readable(row[key] ?? null, as))),
    tail: () => "",
  };
}
