import { type Column, type Row, type RowWriter, readable } from "./rows.ts";

/** Rows that decide how wide the columns are; later ones are written as they come. */
const LOOKED_AT = 200;

/** Aligned columns for people. A column in which the first rows have nothing is left out. */
export function textTable(columns: readonly Column[]): RowWriter {
  const held: Row[] = [];
  let kept: readonly Column[] | undefined;
  let widths: number[] = [];
  const cells = (row: Row, of: readonly Column[]) =>
    of.map(({ key, as }) => readable(row[key] ?? null, as));
  const line = (texts: readonly string[], of: readonly Column[]) =>
    `${texts
      .map((text, at) =>
        of[at]?.as ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0),
      )
      .join("  ")
      .trimEnd()}\n`;
  const settle = (): string => {
    const used = columns.filter(({ key }) => held.some((row) => (row[key] ?? null) !== null));
    kept = used;
    widths = used.map(({ key, label, as }) =>
      Math.max(label.length, ...held.map((row) => readable(row[key] ?? null, as).length)),
    );
    return (
      line(
        used.map(({ label }) => label),
        used,
      ) + held.map((row) => line(cells(row, used), used)).join("")
    );
  };
  return {
    head: () => "",
    row(row) {
      if (kept) return line(cells(row, kept), kept);
      held.push(row);
      return held.length < LOOKED_AT ? "" : settle();
    },
    tail: () => (kept ? "" : settle()),
  };
}
