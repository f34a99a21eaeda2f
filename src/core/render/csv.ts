import type { Column, Row, RowWriter } from "./rows.ts";

/** Comma-separated values (RFC 4180, lines end in a line feed): bare numbers, sizes in bytes, nothing for null. */
export function csv(columns: readonly Column[]): RowWriter {
  return {
    head: () => `${columns.map(({ key }) => key).join(",")}\n`,
    row: (row: Row) => `${columns.map(({ key }) => cell(row[key])).join(",")}\n`,
    tail: () => "",
  };
}

function cell(value: Row[string] | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
