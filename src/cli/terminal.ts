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

/** Writes to standard output; a reader that has closed the pipe (`| head`) is no error. */
export function print(text: string): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.stdout.write(`${text}\n`);
}
