import { compare } from "../core/answers/compare.ts";
import { parseWords } from "../core/answers/ranges.ts";
import { parseGpus } from "../core/hardware/index.ts";
import { rowWriter } from "../core/render/formats.ts";
import type { Column, Row } from "../core/render/rows.ts";
import { gpusOf, settled, type TextOptions, withMargin } from "./settle.ts";
import { loadModel } from "./source.ts";
import { stream } from "./stream.ts";

const COLUMNS: readonly Column[] = [
  { key: "model", label: "model" },
  { key: "modelType", label: "type" },
  { key: "parameterCount", label: "parameters", as: "count" },
  { key: "activeParameterCount", label: "active", as: "count" },
  { key: "precision", label: "dtype" },
  { key: "engine", label: "engine" },
  { key: "gpu", label: "gpu" },
  { key: "weightMemoryBytes", label: "weights", as: "bytes" },
  { key: "kvCacheBytes", label: "KV cache", as: "bytes" },
  { key: "activationMemoryBytes", label: "activations", as: "bytes" },
  { key: "totalMemoryBytes", label: "total", as: "bytes" },
  { key: "peakPhase", label: "peak" },
  { key: "verdict", label: "verdict" },
  { key: "headroomBytes", label: "headroom", as: "bytes" },
  { key: "refusal", label: "why not" },
];

export async function compareCommand(
  models: readonly string[],
  options: TextOptions & { format?: string },
): Promise<void> {
  const { format, gpu, ...rest } = options;
  const sized = gpusOf(rest);
  const gpus = gpu === undefined ? [] : parseWords(gpu, "--gpu").map(parseGpus);
  const writer = rowWriter(options.json ? "jsonl" : (format ?? "table"), COLUMNS);
  const subjects = [];
  for (const model of models) subjects.push(await loadModel(model, options));
  const all = sized ? [...gpus, sized] : gpus;
  const rows = compare(subjects, { ...settled(rest), ...withMargin(rest) }, all);
  await stream(
    rows as Iterable<unknown> as Iterable<Row>,
    writer,
    subjects.length * Math.max(1, all.length),
  );
}
