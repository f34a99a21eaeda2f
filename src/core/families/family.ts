import { own, type RawConfig, section, within } from "../config/raw.ts";
import type { Door } from "../config/schema.ts";
import { type Dtype, findDtype, holdsValues } from "../dtype.ts";
import type { Model } from "../model.ts";
import type { LanguageModel, Place } from "../towers/causal-lm.ts";

/** One architecture: which configs it answers for, and what tree they stand for. */
export interface Family {
  readonly name: string;
  /** Values of `model_type` in config.json. */
  readonly modelTypes: readonly string[];
  /** Values of `architectures` that it describes; the first is what is built where a config names none. */
  readonly architectures: readonly string[];
  /** What it is for, in a few words. */
  readonly purpose: string;
  describe(raw: RawConfig, context: Context): Described;
  /** The family as the language model of another one. */
  language?(raw: RawConfig, context: Context, place: Place): LanguagePart;
}

/** What a family says of a config; what every config says in the same way is read by `describe` itself. */
export type Described = Omit<
  Model,
  "family" | "architecture" | "assumptions" | "assumed" | "defaulted" | "dtype"
> &
  Partial<Pick<Model, "architecture" | "dtype">>;

export interface LanguagePart extends LanguageModel {
  /** Longest context that the config states. */
  readonly maxPositions: number | undefined;
  readonly dtype: Dtype | undefined;
}

/** What a family may ask for while it reads a config. */
export interface Context extends Door {
  /** Which of the family's architectures the config names. */
  readonly architecture: string;
  readonly assumptions: Set<string>;
  /** The model's preprocessor_config.json or processor_config.json, where it is at hand. */
  readonly preprocessor: RawConfig | undefined;
  /** A config that this one refers to by id. @throws InputError where it cannot be had. */
  resolve(id: string, field: string): RawConfig;
  /** The same context for a section of the config. */
  inside(key: string): Context;
  /** Describes a language model by its own `model_type`. */
  language(raw: RawConfig, context: Context, place: Place, modelType?: string): LanguagePart;
}

/** The section `key` and its context; an absent one reads as an empty one, so that the reference's defaults apply. */
export function sectionOf(raw: RawConfig, key: string, context: Context): [RawConfig, Context] {
  const found = section(raw, key, context.path);
  if (!found) context.defaulted.add(within(context.path, key));
  return [found ?? {}, context.inside(key)];
}

/** The dtype that a config states: `dtype` since transformers 5, `torch_dtype` before. */
export function statedDtype(raw: RawConfig): Dtype | undefined {
  const stated = own(raw, "dtype") ?? own(raw, "torch_dtype");
  const dtype = typeof stated === "string" ? findDtype(stated) : undefined;
  return dtype !== undefined && holdsValues(dtype) ? dtype : undefined;
}
