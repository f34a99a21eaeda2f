import { InputError, nearest, shown } from "../errors.ts";
import { csv } from "./csv.ts";
import { jsonl } from "./jsonl.ts";
import { markdown } from "./markdown.ts";
import type { Column, RowWriter } from "./rows.ts";
import { textTable } from "./text-table.ts";

const FORMATS: Readonly<Record<string, (columns: readonly Column[]) => RowWriter>> = {
  table: textTable,
  csv,
  jsonl,
  markdown,
};

/** @throws InputError for a format that is not known. */
export function rowWriter(format: string, columns: readonly Column[]): RowWriter {
  const make = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (make) return make(columns);
  const known = Object.keys(FORMATS);
  throw new InputError(
    "unknown-option",
    `--format is ${shown(format)}, which is not known: use ${known.join(", ")} (nearest: ${nearest(format, known, 1)[0]}).`,
    "format",
  );
}
