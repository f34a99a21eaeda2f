import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // As in tsconfig.json: the package's own name means its source.
    alias: [
      { find: /^llm-memory-calculator\/core$/, replacement: source("./src/core/index.ts") },
      { find: /^llm-memory-calculator$/, replacement: source("./src/index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 20_000,
  },
});
