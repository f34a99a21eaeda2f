import type { Component } from "../tree/module.ts";
import type { Names } from "./names.ts";
import type { Format, Scheme, Weight } from "./scheme.ts";

/**
 * Parts around a language model. Tools that calibrate layer by layer (AutoAWQ, GPTQModel, llama.cpp) quantise the language
 * model's layers and leave these in 16 bits.
 */
const BESIDE_LANGUAGE: ReadonlySet<Component> = new Set([
  "audio_encoder",
  "audio_projector",
  "vision_encoder",
  "vision_projector",
  "talker",
  "code2wav",
  "codec",
  "vocoder",
  "t2u_model",
  "lora",
] as const);

export const inLanguageModel = ({ component }: Pick<Weight, "component">): boolean =>
  !BESIDE_LANGUAGE.has(component);

export interface LinearRule extends Pick<Scheme, "name" | "basis" | "source"> {
  readonly format: (weight: Weight) => Format | undefined;
  /** "language": the language model's layers alone; "all": every linear layer. */
  readonly scope: "language" | "all";
  /** Whether the head is quantised too. */
  readonly head?: boolean;
  /** Experts alone, not the layers around them (gpt-oss). */
  readonly expertsOnly?: boolean;
  /** Modules that stay as they are. */
  readonly except?: Names;
  /** Whether `format` can answer otherwise for another copy of that name. */
  readonly differs?: (name: string) => boolean;
}

/** The rule of nearly all formats: matrices of linear layers and experts, less those that stay as they are. */
export function linearScheme(rule: LinearRule): Scheme {
  const { name, basis, source, format, scope, head = false, expertsOnly = false, except } = rule;
  return {
    name,
    basis,
    source,
    differs: ({ name }) => (except?.differs(name) ?? false) || (rule.differs?.(name) ?? false),
    formatOf(weight) {
      const { role } = weight;
      const wanted =
        role === "experts" || (!expertsOnly && (role === "linear" || (head && role === "head")));
      if (!wanted || weight.component === "lora") return undefined;
      if (scope === "language" && !inLanguageModel(weight)) return undefined;
      return except?.has(weight.name) ? undefined : format(weight);
    },
  };
}
