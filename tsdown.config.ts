import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "tsdown";

// The bin carries these libraries inside it; their licence asks for the notice to travel along.
const bundled = [
  "/*! Bundles commander, (c) 2011 TJ Holowaychuk <tj@vision-media.ca>, MIT; */",
  "/*! @huggingface/hub and @huggingface/gguf, (c) 2023 Hugging Face, MIT; */",
  "/*! agent-base, http-proxy-agent, https-proxy-agent, (c) 2013 Nathan Rajlich, MIT; debug, ms, proxy-from-env, MIT; */",
  "/*! zod, (c) 2025 Colin McDonnell, MIT. The text of the MIT licence is in LICENSE. */",
].join("\n");

// The banner brings the one `#!` line; the source may have its own for running unbundled.
const withoutHashbang = {
  name: "without-hashbang",
  transform: (code: string, id: string): string | undefined =>
    id.endsWith("src/cli/main.ts") ? code.replace(/^#!.*/, "") : undefined,
};

/**
 * Of the Hugging Face libraries, what is used: not their tables of every task and model (100 kB), and not their own file
 * access, whose node modules every command would load.
 */
const lean = {
  name: "lean-hugging-face",
  resolveId: (id: string): string | undefined =>
    id === "@huggingface/tasks"
      ? fileURLToPath(new URL("node_modules/@huggingface/tasks/dist/esm/gguf.js", import.meta.url))
      : undefined,
  load: (id: string): string | undefined =>
    /@huggingface.*FileBlob-\w+\.mjs$/.test(id) ? "export const FileBlob = undefined;" : undefined,
};

/**
 * The program in a comment behind its loader (scripts/loader.cjs). A comment may hold anything but its own end; the loader
 * reads the file byte by byte, so that what is not ASCII is escaped.
 */
const behindLoader = {
  name: "behind-loader",
  generateBundle(_options: unknown, bundle: Record<string, { code?: string }>): void {
    for (const chunk of Object.values(bundle)) {
      if (chunk.code === undefined) continue;
      const code = chunk.code.slice(chunk.code.indexOf(bundled) + bundled.length);
      const program =
        `(function (exports, require, module, __filename, __dirname) {${code}\n})`.replace(
          /[^\0-\x7f]/g,
          (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
        );
      if (program.includes("*~/"))
        throw new Error("The program holds what stands for */ in its comment.");
      const build = createHash("sha256").update(program).digest("hex").slice(0, 16);
      const loader = readFileSync(new URL("scripts/loader.cjs", import.meta.url), "utf8")
        .replace(/^\/\*\*[\s\S]*?\*\/\n/, "")
        .replaceAll("BUILD", build);
      chunk.code = `#!/usr/bin/env node\n${bundled}\n${loader}/*{${program.replaceAll("*/", "*~/")}}*/\n`;
    }
  },
};

export default defineConfig([
  {
    name: "library",
    entry: { index: "src/index.ts", core: "src/core/index.ts" },
    format: "esm",
    platform: "neutral",
    target: "node20",
    dts: true,
    fixedExtension: false,
    // dist is emptied by `npm run build` itself, before either build starts.
    clean: false,
  },
  {
    name: "bin",
    entry: { cli: "src/cli/main.ts" },
    // CommonJS: node starts it about 6 ms sooner than a module (docs/performance.md).
    format: "cjs",
    platform: "node",
    target: "node20",
    dts: false,
    fixedExtension: false,
    clean: false,
    minify: true,
    plugins: [withoutHashbang, lean, behindLoader],
    treeshake: { moduleSideEffects: false },
    // One file: starting up costs one read, and nothing has to be installed beside it.
    deps: { alwaysBundle: [/.*/], onlyBundle: false },
    banner: { js: `#!/usr/bin/env node\n${bundled}` },
    // Dynamic imports stay lazy: their modules are evaluated on first use, within the same file.
    outputOptions: { codeSplitting: false },
  },
]);
