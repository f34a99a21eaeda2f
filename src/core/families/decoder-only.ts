import { labelCount } from "../config/labels.ts";
import type { RawConfig } from "../config/raw.ts";
import { linear } from "../layers/linear.ts";
import { contextUpTo, type ModelType } from "../model.ts";
import {
  causalLm,
  type DecoderHabits,
  type DecoderSizes,
  type LanguageModel,
  type Place,
  STANDALONE,
} from "../towers/causal-lm.ts";
import { type Module, module } from "../tree/module.ts";
import { type DecoderConfig, decoderSizes, underOwnNames } from "./decoder-config.ts";
import { type Context, type Family, type LanguagePart, statedDtype } from "./family.ts";
import { checkLayerTypes } from "./layer-types.ts";
import { stretchedContext } from "./stretched.ts";

interface Recipe extends Pick<Family, "name" | "modelTypes" | "purpose"> {
  /** `LlamaForCausalLM`, or the class it stands for in a config. */
  readonly architectures: readonly string[];
  /** "decoder-only" unless stated: state-space models and hybrids of them. */
  readonly type?: ModelType;
  /** Where the model's two parts are when it stands alone; default: `model` and `lm_head`. */
  readonly place?: Place;
  /** Other names that the config class takes for its fields. */
  readonly names?: Readonly<Record<string, string>>;
  /** Its configs state the context with rotary scaling multiplied in, whatever its type. */
  readonly stretched?: true;
  /** Whether positions are a learned table, beyond which there is nothing. */
  readonly hardLimit?: boolean;
  build(
    raw: RawConfig,
    context: Context,
    place: Place,
  ): LanguageModel & { maxPositions: number | undefined };
}

/** A family of language models, alone (`model` and `lm_head`) or inside another model. */
export function decoderOnly(recipe: Recipe): Family & Required<Pick<Family, "language">> {
  const language = (published: RawConfig, context: Context, place: Place): LanguagePart => {
    const raw = recipe.names ? underOwnNames(published, recipe.names) : published;
    return languagePart(recipe.build(raw, context, place), raw, context, recipe.stretched);
  };
  const others = otherClasses(recipe);
  return {
    name: recipe.name,
    modelTypes: recipe.modelTypes,
    architectures: [...recipe.architectures, ...Object.values(others)],
    purpose: recipe.purpose,
    language,
    describe(raw, context) {
      const parts = language(raw, context, recipe.place ?? STANDALONE);
      return {
        type: recipe.type ?? "decoder-only",
        root: rootOf(context.architecture, others, parts, () => labelCount(raw, context)),
        audio: undefined,
        context: { ...contextUpTo(parts.maxPositions), hard: recipe.hardLimit ?? false },
      };
    },
  };
}

/** What every config of a language model says besides its sizes: how far its positions reach, its dtype. */
export function languagePart<Built extends LanguageModel & { maxPositions: number | undefined }>(
  built: Built,
  raw: RawConfig,
  context: Context,
  already?: true,
): Built & LanguagePart {
  checkLayerTypes(raw, context, built.backbone);
  return {
    ...built,
    maxPositions: stretchedContext(raw, context, built.maxPositions, already),
    dtype: statedDtype(raw),
  };
}

/** The classes that transformers has beside the one with a language model's head. */
interface OtherClasses {
  /** The backbone alone, as embedding models publish it. */
  readonly bare: string;
  /** One score for each class instead of logits: reward models, classifiers. */
  readonly sequence: string;
  /** The same, with biases, for every token. */
  readonly token: string;
}

function otherClasses({ architectures: [first = ""] }: Recipe): OtherClasses {
  const stem = first.replace(/(ForCausalLM|LMHeadModel)$/, "");
  return {
    bare: `${stem}Model`,
    sequence: `${stem}ForSequenceClassification`,
    token: `${stem}ForTokenClassification`,
  };
}

function rootOf(
  architecture: string,
  others: OtherClasses,
  { backbone, head, width }: LanguageModel,
  labels: () => number,
): Module {
  if (architecture === others.bare) return { ...backbone, class: architecture, name: "" };
  const token = architecture === others.token;
  if (!token && architecture !== others.sequence) {
    return module(architecture, "", [backbone, head]);
  }
  const inputs = head.tensors[0]?.shape[1] ?? width;
  const score = linear("score", inputs, labels(), { bias: token, component: "lm_head" });
  return module(architecture, "", [backbone, score]);
}

interface LlamaLike<Config> extends Omit<Recipe, "build"> {
  readonly read: (raw: RawConfig, context: Context) => Config;
  readonly habits: (config: Config, about: About) => DecoderHabits;
}

export interface About {
  readonly sizes: DecoderSizes;
  readonly raw: RawConfig;
  readonly context: Context;
}

/** A family in Llama's shape: its config's fields, and what sets it apart. */
export const llamaLike = <Config extends DecoderConfig>(
  recipe: LlamaLike<Config>,
): ReturnType<typeof decoderOnly> =>
  decoderOnly({
    ...recipe,
    build(raw, context, place) {
      const config = recipe.read(raw, context);
      const sizes = decoderSizes(config, context);
      return {
        ...causalLm(sizes, recipe.habits(config, { sizes, raw, context }), place),
        maxPositions: config.max_position_embeddings,
      };
    },
  });
