import { limits } from "../core/answers/limits.ts";
import { renderLimits } from "../core/render/limits.ts";
import { requiredGpus, settled, type TextOptions, withMargin } from "./settle.ts";
import { loadModel } from "./source.ts";
import { print, terminalStyle } from "./terminal.ts";

/** The engines that are asked where none is named. */
const ENGINES = ["transformers", "vllm"];

export async function limitsCommand(model: string, options: TextOptions): Promise<void> {
  const gpus = requiredGpus(options);
  const { engine, ...rest } = settled(options);
  const { id, model: described } = await loadModel(model, options);
  const all = (engine === undefined ? ENGINES : [engine]).map((name) =>
    limits(described, { ...rest, engine: name, ...withMargin(options) }, gpus),
  );
  print(
    options.json
      ? JSON.stringify({ schemaVersion: 1, model: id, limits: all }, undefined, 2)
      : renderLimits(id, all, terminalStyle()),
  );
}
