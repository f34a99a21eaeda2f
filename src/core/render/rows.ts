import { grouped, humanBytes, humanCount } from "../units.ts";

export type Cell = string | number | boolean | null;

/** What a column is called, and how people read it; programs get the bare value. */
export interface Column {
  readonly key: string;
  readonly label: string;
  readonly as?: "bytes" | "count" | "number";
}

export type Row = Readonly<Record<string, Cell>>;

/** Writes rows as they come: text before them, for each (some hold a few back), and after the last. */
export interface RowWriter {
  head(): string;
  row(row: Row): string;
  tail(): string;
}

/** A cell for people. */
export function readable(cell: Cell, as: Column["as"]): string {
  if (cell === null) return "–";
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  if (typeof cell === "string") return cell;
  if (as === "bytes") return cell < 0 ? `−${humanBytes(-cell)}` : humanBytes(cell);
  return as === "count" ? humanCount(cell) : grouped(cell);
}
