import type { Column, Row, RowWriter } from "./rows.ts";

/** One JSON object on each line: every column under its key, sizes in bytes. */
export function jsonl(columns: readonly Column[]): RowWriter {
  return {
    head: () => "",
    row: (row: Row) =>
      `${JSON.stringify(Object.fromEntries(columns.map(({ key }) => [key, row[key] ?? null])))}\n`,
    tail: () => "",
  };
}
