import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

/**
 * Arrows point one way: tree ← layers ← families; tree ← derive ← engines; engines ← report ← answers ← render.
 * biome.json refuses the same imports while one types; this table is the one to read.
 */
interface Wall {
  /** Folder under src/. */
  readonly room: string;
  /** Everything under src/ it may import; other rooms are refused. */
  readonly only?: readonly string[];
  /** Or: what under src/ it must not import. */
  readonly never?: readonly string[];
  /** The packages it may import; without it, any, and Node too. */
  readonly packages?: readonly string[];
  /** Rooms of which only the types may be imported. */
  readonly typesOnly?: readonly string[];
}

const PURE = ["zod"];

const WALLS: readonly Wall[] = [
  { room: "core", only: ["core"], packages: PURE },
  {
    room: "core/tree",
    only: ["core/tree", "core/units.ts", "core/dtype.ts", "core/errors.ts", "core/step.ts"],
  },
  {
    room: "core/layers",
    never: ["families", "engines", "derive", "report", "render", "index.ts"].map(inCore),
  },
  {
    room: "core/families",
    never: ["derive", "engines", "report", "render", "index.ts"].map(inCore),
  },
  {
    room: "core/audio",
    never: ["families", "derive", "engines", "report", "render", "index.ts"].map(inCore),
  },
  {
    room: "core/quantization",
    never: ["families", "engines", "report", "render", "index.ts"].map(inCore),
  },
  {
    room: "core/hardware",
    never: ["families", "layers", "derive", "engines", "report", "render", "index.ts"].map(inCore),
  },
  {
    room: "core/derive",
    never: ["families", "engines", "report", "render", "index.ts"].map(inCore),
  },
  { room: "core/engines", never: ["families", "report", "render", "index.ts"].map(inCore) },
  { room: "core/report", never: ["families", "render", "index.ts"].map(inCore) },
  {
    room: "core/answers",
    never: ["families", "layers", "towers", "render", "index.ts"].map(inCore),
  },
  {
    room: "core/render",
    only: [
      "core/render",
      "core/report",
      "core/answers",
      "core/hardware",
      "core/units.ts",
      "core/errors.ts",
    ],
  },
  { room: "catalog", only: ["catalog", "core"], packages: [], typesOnly: ["core"] },
  { room: "hub", never: ["cli", "web"] },
];

function inCore(name: string): string {
  return `core/${name}`;
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** `import … from`, `export … from`, `import "…"`, and `import("…")`, types included. */
function importsOf(source: string): Import[] {
  const statements = source.matchAll(
    /^[ \t]*(?:import|export)\b([^"'`;()=]*?\bfrom\s*|\s*)["']([^"']+)["']/gm,
  );
  const calls = source.matchAll(/\bimport\s*\(\s*["'`]([^"'`]+)["'`]/g);
  return [
    ...[...statements].map(([, clause = "", specifier = ""]) => ({
      specifier,
      typeOnly: /^\s+type\b/.test(clause),
    })),
    ...[...calls].map(([, specifier = ""]) => ({ specifier, typeOnly: false })),
  ];
}

const inside = (path: string, room: string): boolean =>
  path === room || path.startsWith(`${room}/`);

/** Why this import from this file (a path under src/) is refused by this wall, if it is. */
function refusal(wall: Wall, file: string, { specifier, typeOnly }: Import): string | undefined {
  if (!specifier.startsWith(".")) {
    if (wall.packages === undefined) return undefined;
    if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return "is Node's";
    return wall.packages.some((name) => inside(specifier, name)) ? undefined : "is a package";
  }
  const target = posix.normalize(posix.join(posix.dirname(file), specifier));
  if (wall.only && !wall.only.some((room) => inside(target, room))) return "is another room";
  if (wall.never?.some((room) => inside(target, room))) return "is behind the wall";
  if (!typeOnly && wall.typesOnly?.some((room) => inside(target, room))) {
    return "may be imported for its types only";
  }
  return undefined;
}

function sourcesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.[cm]?tsx?$/.test(path));
}

/** Every import under this src/ folder that this wall refuses, as sentences. */
function violations(src: string, wall: Wall): string[] {
  return sourcesUnder(join(src, wall.room)).flatMap((path) => {
    const file = `${wall.room}/${path}`;
    return importsOf(readFileSync(join(src, file), "utf8")).flatMap((found) => {
      const why = refusal(wall, file, found);
      return why === undefined ? [] : [`${file} imports ${found.specifier}, which ${why}`];
    });
  });
}

const SRC = fileURLToPath(new URL("../../src", import.meta.url));

describe("walls between rooms", () => {
  it.each(WALLS)("src/$room keeps to its side", (wall) => {
    expect(violations(SRC, wall)).toEqual([]);
  });
});

describe("the check itself", () => {
  const scratch = mkdtempSync(join(tmpdir(), "walls-"));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  const wallOf = (room: string): Wall => {
    const wall = WALLS.find((candidate) => candidate.room === room);
    if (wall === undefined) throw new Error(`no wall around ${room}`);
    return wall;
  };
  const write = (src: string, file: string, source: string): void => {
    mkdirSync(dirname(join(src, file)), { recursive: true });
    writeFileSync(join(src, file), source);
  };

  it("has nothing to say about folders that do not exist", () => {
    expect(WALLS.flatMap((wall) => violations(join(scratch, "none"), wall))).toEqual([]);
  });

  it.each([
    ["core", "core/units.ts", "../hub/hub.ts"],
    ["core", "core/units.ts", "../cli/main.ts"],
    ["core", "core/units.ts", "../catalog/index.ts"],
    ["core", "core/units.ts", "../index.ts"],
    ["core", "core/tree/print.ts", "../../../web/page.ts"],
    ["core", "core/units.ts", "node:fs"],
    ["core", "core/units.ts", "fs"],
    ["core", "core/units.ts", "commander"],
    ["core/tree", "core/tree/walk.ts", "../layers/linear.ts"],
    ["core/tree", "core/tree/walk.ts", "../index.ts"],
    ["core/layers", "core/layers/linear.ts", "../derive/weights.ts"],
    ["core/families", "core/families/llama.ts", "../engines/vllm.ts"],
    ["core/audio", "core/audio/mel.ts", "../families/whisper.ts"],
    ["core/quantization", "core/quantization/awq.ts", "../families/llama.ts"],
    ["core/hardware", "core/hardware/nvidia.ts", "../engines/vllm.ts"],
    ["core/derive", "core/derive/weights.ts", "../families/index.ts"],
    ["core/derive", "core/derive/weights.ts", "../index.ts"],
    ["core/engines", "core/engines/vllm/blocks.ts", "../../families/llama.ts"],
    ["core/report", "core/report/fit.ts", "../render/text.ts"],
    ["core/answers", "core/answers/fit.ts", "../families/index.ts"],
    ["core/render", "core/render/text.ts", "../engines/vllm.ts"],
    ["catalog", "catalog/index.ts", "../hub/hub.ts"],
    ["catalog", "catalog/index.ts", "node:fs"],
    ["hub", "hub/hub.ts", "../cli/main.ts"],
  ])("%s: refuses %s importing %s", (room, file, specifier) => {
    const sources = [
      `import { a } from "${specifier}";\n`,
      `import type { A } from "${specifier}";\n`,
      `import {\n  type A,\n  b,\n} from "${specifier}";\n`,
      `import * as a from "${specifier}";\n`,
      `import "${specifier}";\n`,
      `export { a } from "${specifier}";\n`,
      `export * from "${specifier}";\n`,
      `export const a = () => import("${specifier}");\n`,
      `export type A = import("${specifier}").A;\n`,
    ];
    sources.forEach((source, i) => {
      const src = mkdtempSync(join(scratch, `${i}-`));
      write(src, file, source);
      expect(violations(src, wallOf(room)), source).toHaveLength(1);
    });
  });

  it("lets through what the rooms are for", () => {
    const src = join(scratch, "good");
    write(src, "core/tree/walk.ts", 'import { a } from "./module.ts";\nimport "../units.ts";\n');
    write(src, "core/layers/linear.ts", 'import type { M } from "../tree/module.ts";\n');
    write(
      src,
      "core/families/llama.ts",
      'import * as z from "zod/mini";\nimport "../layers/x.ts";\n',
    );
    write(src, "core/engines/vllm.ts", 'import { fold } from "../derive/fold.ts";\n');
    write(src, "core/render/text.ts", 'import type { Report } from "../report/report.ts";\n');
    write(src, "core/index.ts", 'export * from "./families/index.ts";\n');
    write(src, "catalog/index.ts", 'import type { Config } from "../core/index.ts";\n');
    write(src, "hub/hub.ts", 'import { open } from "node:fs/promises";\n');
    expect(WALLS.flatMap((wall) => violations(src, wall))).toEqual([]);
  });

  it("refuses values where only types may pass", () => {
    const src = join(scratch, "values");
    write(src, "catalog/index.ts", 'import { parse } from "../core/index.ts";\n');
    expect(violations(src, wallOf("catalog"))).toHaveLength(1);
  });
});
