import { pipeline, type Stage } from "../core/answers/pipeline.ts";
import { type StageText, stageFrom, stageFromLine } from "../core/answers/stage-options.ts";
import { parseJson } from "../core/config/raw.ts";
import { InputError, nearest, shown } from "../core/errors.ts";
import { renderPipeline } from "../core/render/pipeline.ts";
import { gpusOf, type TextOptions, withMargin } from "./settle.ts";
import { loadModel, read, type SourceFlags } from "./source.ts";
import { print, terminalStyle } from "./terminal.ts";

/** What a file may say besides its stages. */
const FIELDS = ["gpu", "gpuMemory", "margin"] as const;
type Field = (typeof FIELDS)[number];
type Device = Partial<Record<Field, string>>;

export async function pipelineCommand(
  file: string | undefined,
  given: Device & SourceFlags & { stage?: string[]; json?: true },
): Promise<void> {
  const written = file === undefined ? { stages: [], device: {} } : fromPath(file);
  const texts = [...written.stages, ...(given.stage ?? []).map(stageFromLine)];
  const device = onTop(written.device, given);
  const found = pipeline(await named(texts, given), gpusOf(device), withMargin(device).margin);
  print(
    given.json
      ? JSON.stringify({ schemaVersion: 1, ...found }, undefined, 2)
      : renderPipeline(found, terminalStyle()),
  );
}

/** What the command line says counts, and not what the file says; a device in either spelling replaces the other. */
function onTop(written: Device, given: Device): Pick<TextOptions, Field> {
  const { gpu, gpuMemory, margin = written.margin } = given;
  const place = gpu === undefined && gpuMemory === undefined ? written : { gpu, gpuMemory };
  return {
    ...(place.gpu !== undefined && { gpu: place.gpu }),
    ...(place.gpuMemory !== undefined && { gpuMemory: place.gpuMemory }),
    ...(margin !== undefined && { margin }),
  };
}

/** Stages by their own name or their model's; one that is there already gets a number. */
async function named(texts: readonly StageText[], flags: SourceFlags): Promise<Stage[]> {
  const names = new Set<string>();
  const stages: Stage[] = [];
  for (const text of texts) {
    const { id, model } = await loadModel(
      text.model,
      text.assume === undefined ? flags : { ...flags, assume: text.assume },
    );
    const wanted = text.name ?? id.split("/").at(-1) ?? id;
    let name = wanted;
    for (let n = 2; names.has(name); n++) name = `${wanted} ${n}`;
    names.add(name);
    const { options, process } = text;
    stages.push({ name, id, model, options, ...(process !== undefined && { process }) });
  }
  return stages;
}

/** The file: `{"gpu": "rtx-4090", "stages": [{"model": …}, …]}`. */
function fromPath(path: string): { readonly stages: StageText[]; readonly device: Device } {
  const value = parseJson(read(path), path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InputError(
      "wrong-type",
      `${path} is ${shown(value)}, but must be an object such as {"stages": [{"model": "openai/whisper-tiny"}]}.`,
      path,
    );
  }
  const device: Device = {};
  let stages: unknown = [];
  for (const [key, field] of Object.entries(value)) {
    const known = FIELDS.find((name) => name === key);
    if (key === "stages") stages = field;
    else if (known === undefined) {
      throw new InputError(
        "unknown-option",
        `${path} has ${shown(key)}, which no pipeline takes (nearest: ${nearest(key, ["stages", ...FIELDS], 1)[0]}).`,
        path,
      );
    } else if (typeof field === "string") device[known] = field;
    else throw wrong(path, key, field, "a text");
  }
  if (!Array.isArray(stages)) throw wrong(path, "stages", stages, "a list");
  return { device, stages: stages.map((one, at) => stageFrom(one, `stages[${at}]`)) };
}

const wrong = (path: string, key: string, field: unknown, what: string): InputError =>
  new InputError("wrong-type", `${path}: ${key} is ${shown(field)}, but must be ${what}.`, path);
