import type { RawConfig } from "../config/raw.ts";
import { contextUpTo, type ModelType } from "../model.ts";
import { type LanguageModel, type Place, STANDALONE } from "../towers/causal-lm.ts";
import { module } from "../tree/module.ts";
import { type Context, type Family, type LanguagePart, statedDtype } from "./family.ts";

interface Recipe extends Pick<Family, "name" | "modelTypes" | "purpose"> {
  /** `LlamaForCausalLM`, or the class it stands for in a config. */
  readonly architectures: readonly string[];
  /** "decoder-only" unless stated: state-space models and hybrids of them. */
  readonly type?: ModelType;
  /** Where backbone and head are when the model stands alone: `model` and `lm_head` unless stated. */
  readonly place?: Place;
  build(
    raw: RawConfig,
    context: Context,
    place: Place,
  ): LanguageModel & { maxPositions: number | undefined };
}

/** A family of language models, alone (`model` and `lm_head`) or inside another model. */
export function decoderOnly(recipe: Recipe): Family & Required<Pick<Family, "language">> {
  const language = (raw: RawConfig, context: Context, place: Place): LanguagePart => ({
    ...recipe.build(raw, context, place),
    dtype: statedDtype(raw),
  });
  return {
    name: recipe.name,
    modelTypes: recipe.modelTypes,
    architectures: recipe.architectures,
    purpose: recipe.purpose,
    language,
    describe(raw, context) {
      const { backbone, head, maxPositions } = language(raw, context, recipe.place ?? STANDALONE);
      return {
        type: recipe.type ?? "decoder-only",
        root: module(context.architecture, "", [backbone, head]),
        audio: undefined,
        context: contextUpTo(maxPositions),
      };
    },
  };
}
