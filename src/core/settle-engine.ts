import type { Engine, Setup } from "./engines/engine.ts";
import { engines, findEngine } from "./engines/index.ts";
import { trainingEngine } from "./engines/training/index.ts";
import type { TrainingOptions } from "./engines/training/options.ts";
import { InputError } from "./errors.ts";
import { parseModalityLimits } from "./limit-mm.ts";
import type { Model } from "./model.ts";
import { type SetupOptions, settleSetup } from "./setup.ts";
import { grouped } from "./units.ts";
import { flagOf } from "./whole.ts";
import { withoutModalities } from "./without-modalities.ts";

interface EngineOptions {
  readonly engine?: string;
  readonly training?: TrainingOptions;
}

/**
 * `vllm@0.15` names an engine and the version whose rules apply.
 * @throws InputError for an unknown engine, or `not-served` for one that cannot run the model.
 */
export function engineOf(
  model: Model,
  options: EngineOptions,
): { engine: Engine; version: { engineVersion?: string } } {
  const asked: unknown = options.engine === undefined ? engines[0]?.name : options.engine;
  const [name, version] = typeof asked === "string" ? asked.split("@") : [asked];
  const engine = options.training ? trainingEngine(options.training) : findEngine(name);
  const reason = engine.refuses?.(model);
  if (reason !== undefined) {
    throw new InputError(
      "not-served",
      options.training
        ? `Training ${model.architecture} cannot be sized: ${reason}.`
        : `--engine ${engine.name} does not run ${model.architecture}: ${reason}; use another engine, such as ${engines[0]?.name}.`,
      "engine",
    );
  }
  return { engine, version: version === undefined ? {} : { engineVersion: String(version) } };
}

/** @throws InputError for several sequences beside an assistant (`_assisted_decoding` takes one). */
export function oneSequence({ assistant }: Setup, batchSize: number): void {
  if (!assistant || batchSize === 1) return;
  throw new InputError(
    "does-not-fit",
    `--batch-size is ${grouped(batchSize)}, but assisted generation takes one sequence at a time: leave out --assistant-model or ask for a batch of 1.`,
    "batchSize",
  );
}

/** A server's model, without what no prompt may have. */
export const heardAndSeen = (
  engine: Engine,
  model: Model,
  { limitMmPerPrompt }: Pick<SetupOptions, "limitMmPerPrompt">,
): Model =>
  engine.serving && limitMmPerPrompt !== undefined
    ? withoutModalities(model, parseModalityLimits(limitMmPerPrompt))
    : model;

const SERVERS_ONLY = ["dataParallelSize", "enableExpertParallel", "limitMmPerPrompt"] as const;

/** @throws InputError for what the engine cannot do: a precision that it has no weights in, several devices. */
export function setupFor(
  engine: Engine,
  model: Model,
  options: SetupOptions & { readonly maxModelLen?: number },
  assumed?: string[],
): Setup {
  const setup = settleSetup(model, { ...engine.presets, ...options }, assumed, engine);
  if (engine.precisions && !engine.precisions.includes(setup.precision)) {
    throw new InputError(
      "unknown-precision",
      `--engine ${engine.name} holds no weights in ${setup.precision}: use --precision ${engine.precisions.join(", ")}.`,
      "precision",
    );
  }
  if (engine.singleDevice && setup.tensorParallel > 1) {
    throw new InputError(
      "inconsistent",
      `--engine ${engine.name} runs on one device, but --tensor-parallel-size is ${setup.tensorParallel}: leave it out or use another engine.`,
      "tensorParallelSize",
    );
  }
  const flag = SERVERS_ONLY.find((key) => options[key] !== undefined && options[key] !== false);
  if (!engine.serving && flag !== undefined) {
    throw new InputError(
      "inconsistent",
      `${flagOf(flag)} is for servers and not for ${engine.name}: add --engine vllm, or leave it out.`,
      flag,
    );
  }
  if (setup.assistant && !engine.takesAssistant) {
    throw new InputError(
      "inconsistent",
      `--assistant-model is for transformers and not for ${engine.name}: leave it out.`,
      "assistantModel",
    );
  }
  if (!engine.stages && setup.pipelineParallel > 1) {
    throw new InputError(
      "inconsistent",
      `--pipeline-parallel-size is ${setup.pipelineParallel}, but ${engine.singleDevice ? `--engine ${engine.name} runs on one device` : `the rules of ${engine.name} have no stages`}: leave it out or use another engine.`,
      "pipelineParallelSize",
    );
  }
  return setup;
}

/** A language model expands its whole input for beams, audio included; an encoder-decoder only what it generates. */
export const expansionOf = (model: Model, { expansion }: Setup) => ({
  expansion,
  whole: model.type !== "encoder-decoder",
});
