import { limits } from "../core/answers/limits.ts";
import { unlessRefused } from "../core/answers/refused.ts";
import { InputError } from "../core/errors.ts";
import { renderLimits } from "../core/render/limits.ts";
import { requiredGpus, settledWithAssistant, type TextOptions, withMargin } from "./settle.ts";
import { loadModel } from "./source.ts";
import { print, terminalStyle } from "./terminal.ts";

/** The engines that are asked where none is named. */
const ENGINES = ["transformers", "vllm"];

export async function limitsCommand(model: string, options: TextOptions): Promise<void> {
  const gpus = requiredGpus(options);
  const { engine, ...rest } = await settledWithAssistant(options);
  const { id, model: described } = await loadModel(model, options);
  const of = (name: string) =>
    limits(
      described,
      { ...rest, ...(!rest.training && { engine: name }), ...withMargin(options) },
      gpus,
    );
  // Where no engine is named, one that does not run the model is left out, and why is said.
  const asked = (
    rest.training
      ? ["training"]
      : engine !== undefined
        ? [engine]
        : rest.assistant
          ? ["transformers"]
          : ENGINES
  ).map((name) =>
    engine === undefined ? unlessRefused(["not-served"], () => of(name)) : of(name),
  );
  const all = asked.flatMap((one) => (one instanceof InputError ? [] : [one]));
  const left = asked.flatMap((one) => (one instanceof InputError ? [one.message] : []));
  print(
    options.json
      ? JSON.stringify({ schemaVersion: 1, model: id, limits: all }, undefined, 2)
      : [renderLimits(id, all, terminalStyle()), ...left].join("\n"),
  );
}
