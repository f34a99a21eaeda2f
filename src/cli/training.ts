import type { Command, Option } from "commander";
import { parseWords } from "../core/answers/ranges.ts";
import type { TrainingOptions } from "../core/engines/training/options.ts";
import { InputError, shown } from "../core/errors.ts";
import { flagOf } from "../core/whole.ts";

/** How training is asked for: still text where it is a list. */
export interface TrainingFlags {
  readonly mode?: string;
  readonly method?: string;
  readonly optimizer?: string;
  readonly loraRank?: number;
  readonly loraTargets?: string;
  readonly gradientCheckpointing?: true;
  readonly gradientAccumulationSteps?: number;
  /** False where `--no-master-weights` was given; commander says true otherwise. */
  readonly masterWeights?: boolean;
  readonly sharding?: string;
  readonly dataParallelSize?: number;
}

/** The options of `--mode train`, for every command that makes a report. */
export function addTraining(
  command: Command,
  number: (flags: string, description: string) => Option,
): void {
  command
    .option("--mode <name>", "infer, or train: what learning takes (default: infer)")
    .option("--method <name>", "train: full or lora; QLoRA is lora with --precision nf4")
    .option("--optimizer <name>", "train: adamw, adamw-8bit, adafactor, sgd or sgd-momentum")
    .addOption(number("--lora-rank <n>", "train: rank of the adapters (default: 8)"))
    .option(
      "--lora-targets <names>",
      "train: layers that get adapters: q_proj,v_proj (default: all)",
    )
    .option("--gradient-checkpointing", "train: layers run again on the way back")
    .addOption(
      number(
        "--gradient-accumulation-steps <n>",
        "train: batches whose gradients are summed before a step (default: 1)",
      ),
    )
    .option("--no-master-weights", "train: no fp32 copies of weights in 16 bits")
    .option("--sharding <name>", "train: none, zero-1, zero-2, zero-3 or fsdp (default: none)")
    .addOption(
      number(
        "--data-parallel-size <n>",
        "vllm: replicas; train: ranks that divide it (default: 1)",
      ),
    );
}

/** What is left of the options without these, and what they ask for. */
export function splitTraining<Options extends TrainingFlags>(options: Options) {
  const { mode, method, optimizer, loraRank, loraTargets, ...some } = options;
  const { gradientCheckpointing, masterWeights, sharding, dataParallelSize, ...more } = some;
  const { gradientAccumulationSteps, ...rest } = more;
  const asked = Object.fromEntries(
    Object.entries({
      method,
      optimizer,
      loraRank,
      loraTargets:
        loraTargets === undefined ? undefined : parseWords(loraTargets, "--lora-targets"),
      gradientCheckpointing,
      gradientAccumulationSteps,
      masterWeights: masterWeights === false ? false : undefined,
      sharding,
      dataParallelSize,
    }).filter(([, value]) => value !== undefined),
  );
  if (mode === "train") return { rest, training: asked as TrainingOptions };
  // Servers have replicas of their own.
  delete asked.dataParallelSize;
  if (mode !== undefined && mode !== "infer") {
    throw new InputError(
      "unknown-option",
      `--mode is ${shown(mode)}, which is not known: use infer or train.`,
      "mode",
    );
  }
  const [first] = Object.keys(asked);
  if (first === undefined)
    return {
      rest: { ...rest, ...(dataParallelSize !== undefined && { dataParallelSize }) },
      training: undefined,
    };
  const flag = first === "masterWeights" ? "--no-master-weights" : flagOf(first);
  throw new InputError(
    "inconsistent",
    `${flag} was given, but it is about training: add --mode train, or leave it out.`,
    first,
  );
}
