import type { Assistant } from "./engines/engine.ts";
import { findOp, towersOf } from "./engines/transformers/tower.ts";
import { InputError } from "./errors.ts";
import type { Model } from "./model.ts";
import { lacking } from "./tree/lacking.ts";
import { COMPONENTS } from "./tree/module.ts";
import { grouped } from "./units.ts";
import { whole } from "./whole.ts";

/** `num_assistant_tokens` of GenerationConfig's default parameters. */
const DEFAULT_TOKENS = 20;
const MOST_TOKENS = 2 ** 12;

interface AssistantOptions {
  readonly numAssistantTokens?: number;
  readonly assistantSharesEncoder?: boolean;
}

/**
 * A model that writes ahead for another one.
 * @throws InputError where the two cannot work together: another vocabulary, or another encoder where it is to be shared.
 */
export function assistantOf(
  model: Model,
  other: Model,
  { numAssistantTokens, assistantSharesEncoder = false }: AssistantOptions,
  assumed: string[],
): Assistant {
  if (numAssistantTokens === undefined)
    assumed.push(
      `The assistant writes ${DEFAULT_TOKENS} tokens ahead. --num-assistant-tokens says otherwise.`,
    );
  const tokens = whole(numAssistantTokens ?? DEFAULT_TOKENS, "numAssistantTokens", MOST_TOKENS);
  const [ours, theirs] = [model, other].map(({ root }) => findOp(root, "head")?.vocab ?? 0);
  const writes = towersOf(other.root).some(({ op }) => op.side === "decoder");
  if (!writes || theirs === 0) throw refused("it does not generate");
  if (other.audio?.pooling || other.vision)
    throw refused("it hears or sees by itself; name a language model");
  if (ours !== theirs)
    throw refused(
      `its head has ${grouped(theirs ?? 0)} tokens and the model's ${grouped(ours ?? 0)}, and no rule is known here for tokenizers that differ`,
    );
  if (!assistantSharesEncoder) return { model: other, tokens };
  const [mine, its] = [model, other].map(
    ({ root }) => towersOf(root).find(({ op }) => op.side === "encoder")?.op.width,
  );
  if (mine === undefined || mine !== its)
    throw refused(
      "its encoder is not like the model's: leave --assistant-shares-encoder out",
      "assistantSharesEncoder",
    );
  const encoders = COMPONENTS.filter((component) => component.endsWith("encoder"));
  return { model: { ...other, root: lacking(other.root, new Set(encoders)) }, tokens };
}

const refused = (why: string, option = "assistantModel"): InputError =>
  new InputError("inconsistent", `--assistant-model cannot help this model: ${why}.`, option);
