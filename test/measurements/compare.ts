import { readdirSync, readFileSync } from "node:fs";
import { catalogConfig, describe, estimate, type EstimateOptions, type MemoryReport, type Model } from "llm-memory-calculator";

/** One observed run: what was asked, bytes alive at the peak of each phase above parameters and buffers, caches by kind. */
interface Run {
  readonly dtype: string;
  readonly attn: "eager" | "flash" | "math";
  readonly batch: number;
  readonly prompt?: number;
  readonly new?: number;
  readonly sec?: number;
  /** 1: `generate()` put the decoder's start token before the prompt. */
  readonly start?: number;
  /** Tokens that the encoder read. */
  readonly enc?: number;
  readonly text?: number;
  readonly images?: number;
  readonly audio_tokens?: number;
  readonly cache?: "dynamic" | "static";
  readonly caches: Readonly<Record<string, number>>;
  readonly padded?: number;
  readonly mask?: number;
  readonly input_fp32?: number;
  readonly peaks: Readonly<Record<string, number>>;
}

interface Measured {
  readonly model: string;
  /** The class that ran, where the config may name another. */
  readonly class?: string;
  /** Stands here where the catalog has no such model. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What was changed of the config, by dotted key: fewer layers, mostly, because they are alike. */
  readonly set?: Readonly<Record<string, unknown>>;
  readonly runs: readonly Run[];
}

/** `config` with `value` at a dotted key. */
function changed(config: unknown, key: string, value: unknown): unknown {
  const [first = "", ...rest] = key.split(".");
  const fields = typeof config === "object" && config !== null ? { ...config } : {};
  const before: unknown = Reflect.get(fields, first);
  return { ...fields, [first]: rest.length === 0 ? value : changed(before, rest.join("."), value) };
}

function configOf({ model, config, set, class: ran }: Measured): unknown {
  const published: unknown = config ?? catalogConfig(model);
  if (published === undefined) return undefined;
  const changes: Record<string, unknown> = { ...(ran && { architectures: [ran] }), ...set };
  return Object.entries(changes).reduce<unknown>(
    (all, [key, value]) => changed(all, key, value),
    published,
  );
}

export interface Comparison {
  readonly file: string;
  readonly model: string;
  readonly phase: string;
  readonly predicted: number;
  readonly observed: number;
  /** predicted / observed − 1 */
  readonly error: number;
  readonly run: string;
}

/** What we call a phase, and what the observations call its parts. */
const PARTS = {
  encode: ["frontend", "encoder", "projector", "merge"],
  prefill: ["prefill"],
  decode: ["decode"],
} as const;

const FOLDER = new URL("./transformers/", import.meta.url);

/** Runs that the rules speak of: dynamic cache, no padding, the kernels that can be asked for. */
export const coveredRun = (run: Run): boolean =>
  run.cache !== "static" && run.attn !== "math" && !run.padded && !run.mask && !run.input_fp32;

interface Covered {
  readonly file: string;
  readonly id: string;
  readonly run: Run;
  readonly report: MemoryReport;
}

/** Every covered run of every model that is described, with our report of it. */
function reports(): Covered[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      const measured = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Measured;
      const config = configOf(measured);
      if (config === undefined) return [];
      const model = describe(partOf(name, config), { resolve: catalogConfig });
      // Fake tensors know no bounds: a run may have had more positions than the model has.
      const reaches = (run: Run) => (run.enc ?? 0) <= (model.encoderText?.max ?? Number.POSITIVE_INFINITY);
      return measured.runs.filter((run) => coveredRun(run) && reaches(run)).map((run) => ({
        file: name.replace(".json", ""),
        id: measured.model,
        run,
        report: estimate(model, optionsOf(model, run)),
      }));
    });
}

/** Some runs were made of one part of a model that has several. */
export const partOf = (file: string, config: unknown): unknown =>
  file.includes("-thinker") && typeof config === "object" && config !== null && "thinker_config" in config
    ? config.thinker_config
    : config;

/** The runs with images had pixel_values of [1, 3, 896, 896] (gemma3), and of 4,096 patches: 64 × 64 of 14 pixels (qwen2_vl). */
const IMAGE_SIZE = { width: 896, height: 896 };

export function optionsOf(model: Model, run: Run): EstimateOptions {
  const generates = run.prompt !== undefined;
  return {
    batchSize: run.batch,
    precision: run.dtype,
    attnImplementation: run.attn === "eager" ? "eager" : "sdpa",
    ...(generates && { promptTokens: Math.max(1, (run.prompt ?? 0) + (run.start ?? 0) - (run.audio_tokens ?? 0)) }),
    ...(generates && run.new !== undefined && { maxNewTokens: run.new }),
    ...(model.encoderText && !model.audio && { encoderSeqLength: run.enc ?? run.text }),
    ...(model.audio && run.sec !== undefined && { audioSeconds: run.sec + framesLost(model) }),
    ...(model.audio?.pooling && run.sec === undefined && { audioSeconds: 0 }),
    ...(run.images && { images: run.images, imageSize: IMAGE_SIZE }),
  };
}

/** The runs fed 100 frames a second, also to models whose feature extractor leaves out a last frame that is not full. */
function framesLost({ audio }: Model): number {
  const [first] = audio?.framing ?? [];
  if (!audio || first?.kind !== "conv") return 0;
  return (first.kernel - first.stride) / audio.sampleRate;
}

export function comparisons(): Comparison[] {
  return reports().flatMap(({ file, id, run, report }) => {
    const { peaks, ...asked } = run;
    return (Object.keys(PARTS) as (keyof typeof PARTS)[]).flatMap((phase) => {
      // What reads a text as a whole scores it in the same forward; a codec's goes on to sound, which no phase is.
      const scored = phase === "encode" && run.enc !== undefined ? (["forward"] as const) : [];
      const observed = Math.max(0, ...[...PARTS[phase], ...scored].map((part) => peaks[part] ?? 0));
      const predicted = transient(report, phase);
      if (observed === 0 || predicted === 0) return [];
      const error = predicted / observed - 1;
      return [{ file, model: id, phase, predicted, observed, error, run: JSON.stringify(asked) }];
    });
  });
}

/** Observed kinds of cache that are keys and values, and those that are states of fixed size. */
const KEYS_AND_VALUES = ["self_kv", "self_sliding_kv", "cross_kv"];
const STATES = ["conv_state", "ssm_state"];

/** Caches when the last token has been fed, by kind. */
export function cacheComparisons(): Comparison[] {
  // Runs without any recorded cache made it by other means than `generate()`.
  return reports().filter(({ run }) => Object.keys(run.caches).length > 0).flatMap(({ file, id, run, report }) => {
    const decode = (keep: (label: string, kind: string) => boolean) =>
      report.ledger.lines
        .filter(({ label, kind }) => keep(label, kind))
        .reduce((sum, { alive }) => sum + (alive.decode ?? 0), 0);
    const observed = (kinds: readonly string[]) =>
      kinds.reduce((sum, kind) => sum + (run.caches[kind] ?? 0), 0);
    const pairs: [string, number, number][] = [
      ["cross_kv", decode((label) => label.startsWith("cross-attention KV")), observed(["cross_kv"])],
      [
        "keys and values",
        decode((_label, kind) => kind === "kv-cache"),
        observed(KEYS_AND_VALUES),
      ],
      ["states", decode((_label, kind) => kind === "state"), observed(STATES)],
    ];
    return pairs
      .filter(([, predicted, seen]) => predicted > 0 || seen > 0)
      .map(([phase, predicted, seen]) => ({
        file,
        model: id,
        phase,
        predicted,
        observed: seen,
        error: predicted / seen - 1,
        run: JSON.stringify({ ...run, peaks: undefined }),
      }));
  });
}

/** Everything alive in a phase but weights, buffers and what is no tensor. */
function transient(report: MemoryReport, phase: string): number {
  const found = report.phases.find((one) => one.phase === phase);
  return found ? found.totalBytes - (found.bytesByKind.weights ?? 0) - (found.bytesByKind.overhead ?? 0) : 0;
}
