import { styleText } from "node:util";
import { plain, type Style } from "../core/render/text.ts";

/** Colour only on a terminal, and not where NO_COLOR (no-color.org) is set to anything or TERM is dumb. */
export function terminalStyle(): Style {
  if (!process.stdout.isTTY || process.env.NO_COLOR || process.env.TERM === "dumb") return plain;
  return {
    strong: (text) => styleText("bold", text),
    faint: (text) => styleText("dim", text),
    accent: (text) => styleText("cyan", text),
  };
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
