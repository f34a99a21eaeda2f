import { InputError, nearest, shown } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { generic } from "./generic.ts";
import { transformers } from "./transformers/index.ts";
import { vllm } from "./vllm/index.ts";
import { fasterWhisper } from "./whisper-runtimes/faster-whisper.ts";
import { whisperCpp } from "./whisper-runtimes/whisper-cpp.ts";

/** The runtimes whose rules are known, the default first. */
export const engines: readonly Engine[] = [transformers, vllm, fasterWhisper, whisperCpp, generic];

/** @throws InputError `unknown-engine`. */
export function findEngine(name: unknown): Engine {
  const found = engines.find((engine) => engine.name === name);
  if (found) return found;
  const known = engines.map((engine) => engine.name);
  throw new InputError(
    "unknown-engine",
    `--engine is ${shown(name)}, which is no known engine: use ${known.join(", ")}${typeof name === "string" ? ` (nearest: ${nearest(name, known, 1)[0]})` : ""}.`,
    "engine",
  );
}
