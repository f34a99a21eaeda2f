import { parseNumbers, parseWords } from "../core/answers/ranges.ts";
import { type Axes, pointCount, sweep } from "../core/answers/sweep.ts";
import { parseGpus } from "../core/hardware/index.ts";
import { rowWriter } from "../core/render/formats.ts";
import type { Column, Row } from "../core/render/rows.ts";
import { parseImageSize } from "../core/vision/image-size.ts";
import { settled, type TextOptions, withMargin } from "./settle.ts";
import { loadModel } from "./source.ts";
import { stream } from "./stream.ts";

const COLUMNS: readonly Column[] = [
  { key: "model", label: "model" },
  { key: "engine", label: "engine" },
  { key: "gpu", label: "gpu" },
  { key: "tensorParallelSize", label: "ranks", as: "number" },
  { key: "precision", label: "weights" },
  { key: "kvCacheDtype", label: "KV cache" },
  { key: "contextTokens", label: "context", as: "number" },
  { key: "audioSeconds", label: "seconds", as: "number" },
  { key: "images", label: "images", as: "number" },
  { key: "imageSize", label: "image size" },
  { key: "batchSize", label: "batch", as: "number" },
  { key: "totalMemoryBytes", label: "total", as: "bytes" },
  { key: "peakPhase", label: "peak" },
  { key: "fits", label: "fits" },
  { key: "headroomBytes", label: "headroom", as: "bytes" },
  { key: "refusal", label: "why not" },
];

/** Lists and ranges are still text here. */
type Lists = {
  [K in keyof Axes]: string;
} & { seqLength?: string; format?: string };
type Options = Omit<TextOptions, keyof Lists> & Lists;

export async function sweepCommand(models: readonly string[], options: Options): Promise<void> {
  const { engine, gpu, tensorParallelSize, precision, kvCacheDtype, format, ...some } = options;
  const { maxModelLen, seqLength, audioSeconds, images, imageSize, batchSize, ...rest } = some;
  const numbers = (text: string | undefined, flag: string) =>
    text === undefined ? undefined : parseNumbers(text, flag);
  const words = (text: string | undefined, flag: string) =>
    text === undefined ? undefined : parseWords(text, flag);
  const lists = {
    engine: words(engine, "--engine"),
    gpu: words(gpu, "--gpu")?.map(parseGpus),
    tensorParallelSize: numbers(tensorParallelSize, "--tensor-parallel-size"),
    precision: words(precision, "--precision"),
    kvCacheDtype: words(kvCacheDtype, "--kv-cache-dtype"),
    maxModelLen: numbers(maxModelLen ?? seqLength, "--max-model-len"),
    audioSeconds: numbers(audioSeconds, "--audio-seconds"),
    images: numbers(images, "--images"),
    imageSize: words(imageSize, "--image-size")?.map((text) => parseImageSize(text)),
    batchSize: numbers(batchSize, "--batch-size"),
  };
  const axes: Axes = Object.fromEntries(
    Object.entries(lists).filter(([, values]) => values !== undefined),
  );
  const subjects = [];
  for (const model of models) subjects.push(await loadModel(model, options));
  const writer = rowWriter(options.json ? "jsonl" : (format ?? "table"), COLUMNS);
  const points = sweep(subjects, axes, { ...settled(rest), ...withMargin(rest) });
  await stream(
    points as Iterable<unknown> as Iterable<Row>,
    writer,
    pointCount(models.length, axes),
  );
}
