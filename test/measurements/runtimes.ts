import { readFileSync } from "node:fs";
import { calculateMemory, type EstimateOptions } from "llm-memory-calculator";

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));

interface Published {
  readonly model: string;
  readonly engine: string;
  readonly options: EstimateOptions;
  readonly bytes: number;
  /** How far off the prediction may be: what a README says is rounded, and includes what a driver takes. */
  readonly band: number;
  readonly said: string;
  readonly source: string;
}

/** Totals that others published for Whisper's runtimes, against ours. */
export const runtimeComparisons = () =>
  (read("./other-engines.json") as readonly Published[]).map((published) => {
    const { totalMemoryBytes } = calculateMemory(published.model, {
      ...published.options,
      engine: published.engine,
    });
    return { ...published, predicted: totalMemoryBytes, error: totalMemoryBytes / published.bytes - 1 };
  });

interface Logs {
  readonly logs: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const LABELS: Readonly<Record<string, string>> = {
  self: "KV cache",
  cross: "cross-attention KV cache",
  pad: "KV of one encoder layer, padded",
  conv: "compute buffer, convolutions",
  encode: "compute buffer, encoder",
  encodeEager: "compute buffer, encoder",
  crossBuffer: "compute buffer, cross-attention",
  decode: "compute buffer, decoder",
};

/** whisper.cpp's own log, line by line. */
export const whisperCppLogs = () =>
  Object.entries((read("./whisper-cpp.json") as Logs).logs).flatMap(([model, sizes]) =>
    Object.entries(sizes).map(([name, megabytes]) => {
      const { ledger } = calculateMemory(model, {
        engine: "whisper.cpp",
        precision: "fp16",
        numBeams: 1,
        attnImplementation: name.endsWith("Eager") ? "eager" : "sdpa",
      });
      const line = ledger.lines.find(({ label }) => label === LABELS[name]);
      return { model, name, megabytes, predicted: (line?.bytes ?? 0) / 1e6 };
    }),
  );
