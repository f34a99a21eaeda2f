import { InputError, nearest, shown } from "../errors.ts";
import type { EstimateOptions } from "../estimate.ts";
import { parseModalityLimits } from "../limit-mm.ts";
import { parseSize } from "../units.ts";
import { checkImageSize, parseImageSize } from "../vision/image-size.ts";

/** What a stage may say besides its model, and what each is. */
const KEYS = {
  name: "text",
  process: "text",
  assume: "text",
  engine: "text",
  precision: "text",
  kvCacheDtype: "text",
  attnImplementation: "text",
  cacheImplementation: "text",
  deviceOverhead: "size",
  batchSize: "number",
  audioSeconds: "number",
  encoderSeqLength: "number",
  images: "number",
  imageSize: "image size",
  maxModelLen: "number",
  promptTokens: "number",
  maxNewTokens: "number",
  numBeams: "number",
  numReturnSequences: "number",
  gpuMemoryUtilization: "number",
  maxNumSeqs: "number",
  maxNumBatchedTokens: "number",
  blockSize: "number",
  maxLoras: "number",
  maxLoraRank: "number",
  limitMmPerPrompt: "limits",
  fullyShardedLoras: "switch",
  wordTimestamps: "switch",
  enforceEager: "switch",
} as const;
type Key = keyof typeof KEYS;
/** What is no option of an estimate. */
const TEXTS = ["model", "name", "process", "assume"] as const;
type TextKey = (typeof TEXTS)[number];
const isText = (key: string): key is TextKey => TEXTS.some((text) => text === key);

export interface StageText {
  readonly model: string;
  readonly name: string | undefined;
  readonly process: string | undefined;
  /** What a model of unknown architecture is taken for. */
  readonly assume: string | undefined;
  readonly options: EstimateOptions;
}

/**
 * One stage as its file has it: `{"model": …, "engine": "vllm", "batchSize": 8}`, or with the options' names (`"batch-size"`).
 * @param where how messages call it.
 */
export function stageFrom(value: unknown, where: string): StageText {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InputError(
      "wrong-type",
      `${where} is ${shown(value)}, but must be an object such as {"model": "openai/whisper-tiny"}.`,
      where,
    );
  }
  const options: Record<string, unknown> = {};
  const texts: Partial<Record<TextKey, string>> = {};
  for (const [written, given] of Object.entries(value)) {
    const key = written.replace(/^--/, "").replace(/-([a-z])/g, (_, c: string) => c.toUpperCase());
    if (isText(key)) texts[key] = read("text", given, `${where}.${written}`) as string;
    else if (Object.hasOwn(KEYS, key))
      options[key] = read(KEYS[key as Key], given, `${where}.${written}`);
    else
      throw new InputError(
        "unknown-option",
        `${where} has ${shown(written)}, which no stage takes (nearest: ${nearest(key, ["model", ...Object.keys(KEYS)]).join(", ")}).`,
        where,
      );
  }
  if (texts.model === undefined) {
    throw new InputError(
      "missing-field",
      `${where} names no model: add one, such as "model": "openai/whisper-tiny".`,
      where,
    );
  }
  const { model, name, process, assume } = texts;
  return { model, name, process, assume, options };
}

/** One stage as a line: `openai/whisper-tiny --engine vllm --batch-size 8`. */
export function stageFromLine(line: string): StageText {
  const where = `--stage ${shown(line)}`;
  const [model = "", ...words] = line.trim().split(/\s+/);
  const record: Record<string, unknown> = model === "" ? {} : { model };
  for (let i = 0; i < words.length; i++) {
    const [flag = "", inline] = (words[i] ?? "").split(/=(.*)/s);
    if (!flag.startsWith("--")) {
      throw new InputError(
        "unknown-option",
        `${where} has ${shown(flag)} where an option such as --batch-size should stand.`,
        "stage",
      );
    }
    const next = words[i + 1];
    if (inline !== undefined) record[flag] = inline;
    else if (next === undefined || next.startsWith("--")) record[flag] = true;
    else {
      record[flag] = next;
      i++;
    }
  }
  return stageFrom(record, where);
}

function read(kind: (typeof KEYS)[Key], given: unknown, where: string): unknown {
  switch (kind) {
    case "switch":
      if (typeof given === "boolean") return given;
      throw wrong(given, where, "true or false");
    case "number": {
      const value = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
      if (typeof value === "number" && Number.isFinite(value)) return value;
      throw wrong(given, where, "a number");
    }
    case "image size":
      return typeof given === "string" ? parseImageSize(given, where) : checkImageSize(given);
    case "size":
      if (typeof given === "string") return parseSize(given, where);
      throw wrong(given, where, "a size with its unit, such as 600MiB");
    case "limits":
      parseModalityLimits(given);
      return given;
    case "text":
      if (typeof given === "string" && given !== "") return given;
      throw wrong(given, where, "a text");
    default:
      return kind satisfies never;
  }
}

const wrong = (given: unknown, where: string, what: string): InputError =>
  new InputError("wrong-type", `${where} is ${shown(given)}, but must be ${what}.`, where);
