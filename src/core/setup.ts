import { assistantOf } from "./assistant.ts";
import { computeDtype, type Dtype, parsePrecision } from "./dtype.ts";
import type { AttentionKernel, Engine, ServerSetup, Setup } from "./engines/engine.ts";
import { InputError, shown } from "./errors.ts";
import { parseModalityLimits } from "./limit-mm.ts";
import type { Model } from "./model.ts";
import { namedQuantization, usualQuantization } from "./quantization/named.ts";
import type { Scheme } from "./quantization/scheme.ts";
import { isWhole } from "./quantization/stored.ts";
import { whole } from "./whole.ts";

/** How a model is held, in the user's words. */
export interface SetupOptions {
  /** Dtype of the weights: default the checkpoint's own, fp16 where the config states none. */
  readonly precision?: string;
  /**
   * How the weights are quantised: "awq", "gptq-8bit-g32", "nf4", "fp8", "Q4_K_M" …, or "none". Default: as the config says;
   * `precision` alone takes the usual scheme of that name, or none for 16 and 32 bits.
   */
  readonly quantization?: string;
  /** Dtype of the KV cache: default the dtype that activations have. */
  readonly kvCacheDtype?: string;
  /** How attention is computed, as transformers names it: "sdpa" (default; flash kernels) or "eager". */
  readonly attnImplementation?: string;
  /** "dynamic" (default) or "static", as transformers' `cache_implementation`. */
  readonly cacheImplementation?: string;
  /** Beams that are searched together. Default 1. */
  readonly numBeams?: number;
  /** Alternatives that are sampled together. Default 1. */
  readonly numReturnSequences?: number;
  /** Align words with the audio (Whisper's `return_timestamps="word"`): attention maps are kept. */
  readonly wordTimestamps?: boolean;
  /** Bytes that driver and libraries take on the device, in place of the assumed ones. */
  readonly deviceOverhead?: number;
  /** Memory of one device in bytes (`--gpu-memory 24GiB` on the command line). Serving engines fill it. */
  readonly gpuMemory?: number;
  /** Share of the device that a serving engine may use, above 0 and up to 1. */
  readonly gpuMemoryUtilization?: number;
  readonly maxNumSeqs?: number;
  readonly maxNumBatchedTokens?: number;
  /** Tokens in one KV cache block. */
  readonly blockSize?: number;
  /** No CUDA graphs. */
  readonly enforceEager?: boolean;
  /** LoRA adapters that a server holds at once; undefined: none. */
  readonly maxLoras?: number;
  /** The largest rank of theirs. Default 16, as vLLM's. */
  readonly maxLoraRank?: number;
  /** Ranks divide both matrices of an adapter. */
  readonly fullyShardedLoras?: boolean;
  /** Version of the engine whose rules apply, also as `--engine vllm@0.15`. */
  readonly engineVersion?: string;
  /** Ranks that share the model. Default 1. */
  readonly tensorParallelSize?: number;
  /** Stages, each with a part of the layers. Default 1. With tensor parallelism, every stage is that many devices. */
  readonly pipelineParallelSize?: number;
  /** vLLM: replicas of the model, among which the experts of a mixture are divided. Default 1. */
  readonly dataParallelSize?: number;
  /** vLLM: ranks hold whole experts in place of a slice of every one. */
  readonly enableExpertParallel?: boolean;
  /** transformers: a smaller described model that writes ahead (`assistant_model`). */
  readonly assistant?: Model;
  /** Tokens that it writes before they are read over. Default 20, as transformers'. */
  readonly numAssistantTokens?: number;
  /** It is loaded without an encoder of its own and attends to the model's output (distil-whisper as a decoder alone). */
  readonly assistantSharesEncoder?: boolean;
  /** vLLM: items of each modality that a prompt may have, as its own option has them: `{ audio: 1, image: 0 }`. */
  readonly limitMmPerPrompt?: string | Readonly<Record<string, unknown>>;
}

const MAX_RANKS = 2 ** 16;
/** No model has more layers. */
const MAX_STAGES = 2 ** 10;
const MAX_EXPANSION = 2 ** 12;

/** @throws InputError for an unknown precision or a number of ranks that makes no sense. */
export function settleSetup(
  model: Model,
  options: SetupOptions & { readonly maxModelLen?: number },
  assumed: string[] = [],
  engine: EngineRules = {},
): Setup {
  const precision = precisionOf(model, options, engine, assumed);
  const quantization = quantizationOf(model, options, precision, engine, assumed);
  const compute = computeDtype(precision, model.dtype);
  const kvCache =
    options.kvCacheDtype === undefined || options.kvCacheDtype === "auto"
      ? compute
      : parsePrecision(options.kvCacheDtype, "--kv-cache-dtype");
  return {
    precision,
    ...(quantization && { quantization }),
    compute,
    kvCache,
    attention: kernelOf(options.attnImplementation),
    cache: cacheOf(options.cacheImplementation),
    expansion: Math.max(
      whole(options.numBeams ?? 1, "numBeams", MAX_EXPANSION),
      whole(options.numReturnSequences ?? 1, "numReturnSequences", MAX_EXPANSION),
    ),
    wordTimestamps: options.wordTimestamps ?? false,
    deviceOverhead:
      options.deviceOverhead === undefined
        ? undefined
        : atLeastZero(options.deviceOverhead, "deviceOverhead"),
    server: serverOf(options),
    tensorParallel: whole(options.tensorParallelSize ?? 1, "tensorParallelSize", MAX_RANKS),
    ...(options.assistant && {
      assistant: assistantOf(model, options.assistant, options, assumed),
    }),
    pipelineParallel: whole(options.pipelineParallelSize ?? 1, "pipelineParallelSize", MAX_STAGES),
  };
}

/** What an engine does with a checkpoint's dtypes where the user says nothing. */
type EngineRules =
  | Pick<Engine, "name" | "uniformPrecision" | "unpacksGguf" | "castsTo">
  | Record<string, never>;

function precisionOf(
  model: Model,
  options: SetupOptions,
  engine: EngineRules,
  assumed: string[],
): Dtype {
  if (stated(options.precision)) return parsePrecision(options.precision, "--precision");
  if (model.quantization?.unpacksTo && !stated(options.quantization) && engine.unpacksGguf) {
    assumed.push(
      `transformers unpacks GGUF into ${model.quantization.unpacksTo} while it loads. --precision fp16 says otherwise, --quantization stored keeps its blocks.`,
    );
    return model.quantization.unpacksTo;
  }
  const cast = model.dtype && engine.castsTo?.[model.dtype];
  if (cast) {
    assumed.push(
      `The checkpoint is in ${model.dtype}, which ${engine.name} serves in ${cast}. --precision says otherwise.`,
    );
    return cast;
  }
  if (model.dtype !== undefined) return model.dtype;
  assumed.push("The config states no known dtype: fp16 is taken. --precision says otherwise.");
  return "fp16";
}

const stated = (option: string | undefined): option is string =>
  option !== undefined && option !== "auto";

/** What the user names wins over the dtype that he names, and that over what the config says. */
function quantizationOf(
  model: Model,
  options: SetupOptions,
  precision: Dtype,
  engine: EngineRules,
  assumed: string[],
): Scheme | undefined {
  if (stated(options.quantization)) {
    const scheme = schemeNamed(options.quantization, model);
    if (scheme && stated(options.precision) && !isWhole(precision)) {
      throw new InputError(
        "inconsistent",
        `--quantization is ${shown(options.quantization)} and --precision is ${shown(options.precision)}, but the precision beside a quantisation is that of what stays unquantised: use fp16, bf16 or fp32, or leave it out.`,
        "precision",
      );
    }
    return scheme;
  }
  if (!stated(options.precision)) {
    if (model.unreadQuantization !== undefined && !model.quantization) {
      assumed.push(
        `The config's ${model.unreadQuantization} is not a quantisation that is known here: the weights are counted unquantised. --quantization says otherwise.`,
      );
    }
    return model.quantization?.unpacksTo && engine.unpacksGguf ? undefined : model.quantization;
  }
  const usual = engine.uniformPrecision ? undefined : usualQuantization(precision);
  if (usual)
    assumed.push(
      `--precision ${precision} is taken as ${usual.name}. --quantization says otherwise.`,
    );
  else if (model.quantization)
    assumed.push(
      `All weights in ${precision}, as --precision says, although the config has ${model.quantization.name}.`,
    );
  return usual;
}

/** @throws InputError for an unknown name, or "stored" where no checkpoint says how. */
function schemeNamed(name: string, model: Model): Scheme | undefined {
  if (name === "none") return undefined;
  if (name !== "stored") return namedQuantization(name);
  if (model.quantization) return model.quantization;
  throw new InputError(
    "inconsistent",
    "--quantization is stored, but neither the config nor a checkpoint's header says that the weights are quantised: leave it out.",
    "quantization",
  );
}

function cacheOf(name: string | undefined): Setup["cache"] {
  if (name === undefined || name === "dynamic") return "dynamic";
  if (name === "static") return "static";
  throw new InputError(
    "unknown-option",
    `--cache-implementation is ${shown(name)}, which is not known: use dynamic or static.`,
    "cacheImplementation",
  );
}

function atLeastZero(value: unknown, option: string): number {
  return value === 0 ? 0 : whole(value, option, MAX_DEVICE_BYTES);
}

/** flash_attention_2 holds what SDPA's flash kernel holds. */
function kernelOf(name: string | undefined): AttentionKernel {
  if (name === undefined || name === "sdpa" || name === "flash_attention_2") return "sdpa";
  if (name === "eager") return "eager";
  throw new InputError(
    "unknown-option",
    `--attn-implementation is ${shown(name)}, which is not known: use sdpa, flash_attention_2 or eager.`,
    "attnImplementation",
  );
}

const MAX_DEVICE_BYTES = 2 ** 50;
const MAX_SEQUENCES = 2 ** 20;

function serverOf(options: SetupOptions & { readonly maxModelLen?: number }): ServerSetup {
  const number = (
    key:
      | "maxModelLen"
      | "maxNumSeqs"
      | "maxNumBatchedTokens"
      | "blockSize"
      | "maxLoras"
      | "maxLoraRank"
      | "dataParallelSize",
    most: number,
  ) => (options[key] === undefined ? {} : { [key]: whole(options[key], key, most) });
  const share = options.gpuMemoryUtilization;
  if (share !== undefined && !(share > 0 && share <= 1)) {
    throw new InputError(
      "out-of-range",
      `--gpu-memory-utilization is ${shown(share)}, but must be a share above 0 and up to 1, such as 0.9.`,
      "gpuMemoryUtilization",
    );
  }
  return {
    ...number("maxModelLen", 2 ** 31),
    ...number("maxNumSeqs", MAX_SEQUENCES),
    ...number("maxNumBatchedTokens", 2 ** 31),
    ...number("blockSize", 2 ** 16),
    ...number("maxLoras", MAX_SEQUENCES),
    ...number("maxLoraRank", 2 ** 16),
    ...number("dataParallelSize", MAX_RANKS),
    ...(options.limitMmPerPrompt !== undefined && {
      limitMmPerPrompt: parseModalityLimits(options.limitMmPerPrompt),
    }),
    ...(options.enableExpertParallel !== undefined && {
      enableExpertParallel: options.enableExpertParallel,
    }),
    ...(options.fullyShardedLoras !== undefined && {
      fullyShardedLoras: options.fullyShardedLoras,
    }),
    ...(options.gpuMemory !== undefined && {
      gpuMemory: whole(options.gpuMemory, "gpuMemory", MAX_DEVICE_BYTES),
    }),
    ...(share !== undefined && { gpuMemoryUtilization: share }),
    ...(options.enforceEager !== undefined && { enforceEager: options.enforceEager }),
    ...(options.engineVersion !== undefined && { version: options.engineVersion }),
  };
}
