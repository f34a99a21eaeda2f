/**
 * Console blocks in the docs are what the program prints: `npm run docs` fills them in, and a test holds them to it.
 * A block is fenced with ```console and begins with `$ llm-memory-calculator …`.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../dist/cli.cjs", import.meta.url));
const BLOCK = /```console\n\$ llm-memory-calculator(.*)\n[\s\S]*?```/g;

export const documents = (): string[] => [
  "README.md",
  ...readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** The text with every console block holding what its command prints today. */
export function filled(text: string): string {
  return text.replace(BLOCK, (_block, args: string) => {
    const { stdout, stderr } = spawnSync(process.execPath, [BIN, ...args.trim().split(/\s+/)], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    return `\`\`\`console\n$ llm-memory-calculator${args}\n${(stdout + stderr).trimEnd()}\n\`\`\``;
  });
}

if (process.argv[2] === "--write") {
  for (const path of documents()) writeFileSync(path, filled(readFileSync(path, "utf8")));
}
