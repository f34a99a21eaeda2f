import { InputError, nearest, shown } from "../../errors.ts";
import { flagOf, whole } from "../../whole.ts";

/** How a model is trained, in the user's words. */
export interface TrainingOptions {
  /** Which parameters learn: "full" (default) or "lora"; QLoRA is "lora" over weights in nf4 (`precision`). */
  readonly method?: string;
  /** "adamw" (default), "adamw-8bit", "adafactor", "sgd", "sgd-momentum". */
  readonly optimizer?: string;
  /** Rank of the adapters. Default 8, as PEFT's. */
  readonly loraRank?: number;
  /** Names of the linear layers that get adapters ("q_proj"). Default: all but the head. */
  readonly loraTargets?: readonly string[];
  /** Layers keep their input alone and run again on the way back. */
  readonly gradientCheckpointing?: boolean;
  /** Batches whose gradients are summed before a step. Default 1; more keep the gradients through the next forward pass. */
  readonly gradientAccumulationSteps?: number;
  /** fp32 copies of weights in 16 bits, which the optimiser works on. Default true for full training. */
  readonly masterWeights?: boolean;
  /** What data-parallel ranks divide: "none" (default), "zero-1", "zero-2", "zero-3" or "fsdp". */
  readonly sharding?: string;
  /** Data-parallel ranks. Default 1. */
  readonly dataParallelSize?: number;
}

const METHODS = ["full", "lora"] as const;
export const OPTIMIZERS = ["adamw", "adamw-8bit", "adafactor", "sgd", "sgd-momentum"] as const;
export type Optimizer = (typeof OPTIMIZERS)[number];
const SHARDINGS = ["none", "zero-1", "zero-2", "zero-3", "fsdp"] as const;

/** The same, settled. */
export interface Training {
  readonly method: (typeof METHODS)[number];
  readonly optimizer: Optimizer;
  readonly loraRank: number;
  readonly loraTargets: readonly string[] | undefined;
  readonly gradientCheckpointing: boolean;
  readonly masterWeights: boolean;
  readonly accumulation: number;
  /** 1: optimiser states are divided; 2: gradients too; 3: weights too. */
  readonly stage: 0 | 1 | 2 | 3;
  readonly ranks: number;
}

/** `LoraConfig.r` of PEFT. */
const DEFAULT_RANK = 8;
const MAX_RANK = 2 ** 16;

/** @throws InputError for a word or number that makes no sense. */
export function settleTraining(options: TrainingOptions): Training {
  const sharding = one(SHARDINGS, options.sharding ?? "none", "sharding");
  const ranks = whole(options.dataParallelSize ?? 1, "dataParallelSize", 2 ** 16);
  if (sharding !== "none" && ranks === 1) {
    throw new InputError(
      "inconsistent",
      `--sharding is ${sharding}, which divides among data-parallel ranks, but there is one: say how many with --data-parallel-size.`,
      "sharding",
    );
  }
  return {
    method: one(METHODS, options.method ?? "full", "method"),
    optimizer: one(OPTIMIZERS, options.optimizer ?? "adamw", "optimizer"),
    loraRank: whole(options.loraRank ?? DEFAULT_RANK, "loraRank", MAX_RANK),
    loraTargets: options.loraTargets,
    gradientCheckpointing: options.gradientCheckpointing ?? false,
    masterWeights: options.masterWeights ?? true,
    accumulation: whole(
      options.gradientAccumulationSteps ?? 1,
      "gradientAccumulationSteps",
      2 ** 16,
    ),
    stage: { none: 0, "zero-1": 1, "zero-2": 2, "zero-3": 3, fsdp: 3 }[sharding] as 0 | 1 | 2 | 3,
    ranks,
  };
}

function one<Word extends string>(words: readonly Word[], asked: unknown, option: string): Word {
  const found = words.find((word) => word === asked);
  if (found !== undefined) return found;
  const near = typeof asked === "string" ? ` (nearest: ${nearest(asked, words, 1)[0]})` : "";
  throw new InputError(
    "unknown-option",
    `${flagOf(option)} is ${shown(asked)}, which is not known: use ${words.join(", ")}${near}.`,
    option,
  );
}
