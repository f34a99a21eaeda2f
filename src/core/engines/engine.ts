import type { Dtype } from "../dtype.ts";
import type { ModalityLimits } from "../limit-mm.ts";
import type { Model } from "../model.ts";
import type { Axis, AxisValues } from "../quantity/axis.ts";
import type { Product } from "../quantity/product.ts";
import type { Scheme } from "../quantization/scheme.ts";
import type { Component } from "../tree/module.ts";

/** What memory is spent on. */
export const KINDS = ["weights", "kv-cache", "state", "activation", "input", "overhead"] as const;
export type Kind = (typeof KINDS)[number];

/**
 * How a number was come by: counted (`exact`), by a rule that its source states, `measured` on a device, or `assumed`.
 */
export type Basis = "exact" | "rule" | "measured" | "assumed";

/**
 * The stretches of a run. `profile` and `serve`: a server that measures itself and then runs requests of any phase together.
 * `forward`, `backward`: training, up to the loss and back from it. `all`: an accounting that holds everything at once.
 */
export const PHASES = [
  "load",
  "encode",
  "prefill",
  "decode",
  "profile",
  "serve",
  "forward",
  "backward",
  "all",
] as const;
export type Phase = (typeof PHASES)[number];

/** A named amount inside a peak: one buffer that is alive at that moment. */
export interface HeldBuffer {
  readonly label: string;
  readonly size: Product;
}

/** One moment at which memory could peak, with everything transient that is alive then. */
export interface Moment {
  readonly at: string;
  readonly buffers: readonly HeldBuffer[];
  /** The moment only occurs for some lengths of an axis. */
  readonly when?: Condition;
}

/** `atLeast ≤ axis < below`; a side that is left out does not matter. */
export interface Condition {
  readonly axis: Axis;
  readonly atLeast?: number;
  readonly below?: number;
}

export const holds = (when: Condition | undefined, values: AxisValues): boolean =>
  when === undefined ||
  (values[when.axis] >= (when.atLeast ?? 0) &&
    values[when.axis] < (when.below ?? Number.POSITIVE_INFINITY));

/** An amount of bytes as a formula: a sum, or the largest of several moments. */
export type Amount = { readonly sum: readonly Product[] } | { readonly peakOf: readonly Moment[] };

/** One line of the ledger before the lengths are known. */
export interface LinePlan {
  readonly label: string;
  readonly component: Component | "runtime";
  readonly kind: Kind;
  readonly basis: Basis;
  readonly source: string;
  /** What the line takes in each phase in which it is alive. */
  readonly alive: Readonly<Partial<Record<Phase, Amount>>>;
}

/** Everything about a run that does not depend on its lengths. */
export interface Setup {
  /** Dtype of the stored weights. */
  readonly precision: Dtype;
  /** How the weights are quantised; undefined: all are kept in `precision`. */
  readonly quantization?: Scheme;
  /** Dtype that activations have. */
  readonly compute: Dtype;
  readonly kvCache: Dtype;
  readonly tensorParallel: number;
  /** Devices, or groups of them, that hold the layers one after the other. */
  readonly pipelineParallel: number;
  readonly attention: AttentionKernel;
  /** Whether the cache grows with the sequence or is allocated for the whole context at once. */
  readonly cache: "dynamic" | "static";
  /** Sequences that the decoder generates for each input: beams, or sampled alternatives. */
  readonly expansion: number;
  /** Attention maps are kept to align words with the audio. */
  readonly wordTimestamps: boolean;
  /** Bytes that the driver and its libraries take on the device, where the user knows them. */
  readonly deviceOverhead: number | undefined;
  readonly server: ServerSetup;
  readonly assistant?: Assistant;
}

/** A smaller model that writes ahead, and how many tokens it writes before the model reads them over. */
export interface Assistant {
  readonly model: Model;
  readonly tokens: number;
}

/** What a serving engine is told at start-up; undefined: its own default. */
export interface ServerSetup {
  /** Version of the engine whose rules apply: "0.15". */
  readonly version?: string;
  /** Memory of one device in bytes. Without it nothing fills the device: only what the requests need is counted. */
  readonly gpuMemory?: number;
  /** Share of the device that the engine may use, 0 to 1. */
  readonly gpuMemoryUtilization?: number;
  readonly maxModelLen?: number;
  readonly maxNumSeqs?: number;
  readonly maxNumBatchedTokens?: number;
  readonly blockSize?: number;
  readonly enforceEager?: boolean;
  /** Adapters that are held at once; undefined: none (vLLM's `--enable-lora`). */
  readonly maxLoras?: number;
  readonly maxLoraRank?: number;
  readonly fullyShardedLoras?: boolean;
  /** Replicas that batch and cache for themselves; the experts of a mixture are divided among them. */
  readonly dataParallelSize?: number;
  /** Ranks hold whole experts in place of a slice of every one. */
  readonly enableExpertParallel?: boolean;
  /** Items of each modality that a prompt may have; a modality without any is not loaded. */
  readonly limitMmPerPrompt?: ModalityLimits;
}

/** How attention is computed: with kernels that never hold the scores (`sdpa`), or in plain steps that do (`eager`). */
export type AttentionKernel = "sdpa" | "eager";

/** The rules of one runtime: who keeps what, and when. */
export interface Engine {
  readonly name: string;
  /** One sentence: whose rules these are. */
  readonly summary: string;
  /** What it does where the user says nothing. */
  readonly presets?: { readonly numBeams?: number; readonly precision?: Dtype };
  /** Dtypes in which it can hold weights; undefined: any. */
  readonly precisions?: readonly Dtype[];
  /** A smaller model can write ahead for it. */
  readonly takesAssistant?: true;
  /** It sees one window of the audio; where windows run one after the other, more audio is more examples. */
  readonly oneWindow?: true;
  /** It runs on one device only. */
  readonly singleDevice?: true;
  /** Why it cannot run this model, as the end of a sentence; undefined where it can. */
  readonly refuses?: (model: Model) => string | undefined;
  /** `--precision int4` is four bits for every parameter, not the usual scheme of that name. */
  readonly uniformPrecision?: true;
  /** Takes what the user leaves open from the model's generation_config.json. */
  readonly generates?: true;
  /** Unpacks a GGUF file while it loads. */
  readonly unpacksGguf?: true;
  /** Dtypes of a checkpoint in which it does not run a model unless told to, and what it takes instead. */
  readonly castsTo?: Readonly<Partial<Record<Dtype, Dtype>>>;
  /** Runs towers of the reference as they are, in 16 bits whatever the scheme. */
  readonly servesWhole?: true;
  readonly phases: (model: Model) => readonly Phase[];
  plan(model: Model, setup: Setup): readonly LinePlan[];
  /** The stages of a pipeline, in order; only engines that can divide a model by layers have it. */
  stages?(model: Model, setup: Setup): readonly Stage[];
  /** What a server would log and how many requests it holds; only engines that serve have it. */
  serving?(model: Model, setup: Setup, values: AxisValues): Serving;
  /** What it would not do as asked, as sentences. */
  warns?(serving: Serving): readonly string[];
}

/** What one device of a pipeline holds. */
export interface Stage {
  /** "layers 0 to 15" */
  readonly holds: string;
  readonly plan: readonly LinePlan[];
}

/** What a serving engine decides at start-up, in its own words. Sizes in bytes, per device. */
export interface Serving {
  readonly engineVersion: string;
  readonly maxModelLen: number;
  /** The longest context that the config allows, rotary scaling included; null where it states none. */
  readonly derivedMaxModelLen: number | null;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly blockSize: number;
  /** Replicas, each with the cache and the requests of `device`. */
  readonly dataParallelSize: number;
  /** "Model loading took": weights and buffers. */
  readonly modelLoadingBytes: number;
  readonly peakActivationBytes: number;
  readonly nonTorchBytes: number;
  readonly cudaGraphBytes: number;
  /** Keys and values that one request of the workload's length really takes. */
  readonly requestKvBytes: number;
  readonly requestBlocks: number;
  /** What the device decides; null where no device was given. */
  readonly device: ServingDevice | null;
}

export interface ServingDevice {
  readonly gpuMemoryBytes: number;
  readonly gpuMemoryUtilization: number;
  readonly budgetBytes: number;
  /** "Available KV cache memory" */
  readonly availableKvCacheBytes: number;
  readonly numBlocks: number;
  /** "GPU KV cache size" */
  readonly kvCacheTokens: number;
  /** "Maximum concurrency for maxModelLen tokens per request", as logged. */
  readonly loggedConcurrency: number;
  /** Requests of the workload's length that fit, no more than maxNumSeqs; on each replica. */
  readonly concurrentRequests: number;
}
