import type { AudioGeometry } from "../audio/geometry.ts";
import { layered } from "../config/layered.ts";
import { type RawConfig, section } from "../config/raw.ts";
import { contextUpTo } from "../model.ts";
import { languageHead, type Place } from "../towers/causal-lm.ts";
import { type Module, module } from "../tree/module.ts";
import type { MergeOp } from "../tree/op.ts";
import {
  type Context,
  type Described,
  type LanguagePart,
  sectionOf,
  statedDtype,
} from "./family.ts";

/** Where transformers 5 keeps the language model of a speech model. */
export const INSIDE: Place = { backbone: "model.language_model", head: "lm_head" };

interface TextOptions {
  /** The language model's type where its section names none. */
  readonly type: string;
  /** What the composite's config class fills in where the section leaves a field out. */
  readonly presets?: RawConfig;
  /** Filled in only where the whole section is absent. */
  readonly absent?: RawConfig;
  readonly place?: Place;
  /** Name of the section. */
  readonly key?: string;
  /** Set by the composite whatever the section says. */
  readonly fixed?: RawConfig;
}

/** The language model that a section of the config describes. */
export function textPart(raw: RawConfig, context: Context, options: TextOptions): LanguagePart {
  const { key = "text_config", fixed = {} } = options;
  const given = section(raw, key, context.path) !== undefined;
  const [textRaw, textContext] = sectionOf(raw, key, context);
  const presets = { ...options.presets, ...(given ? {} : options.absent) };
  return context.language(
    layered(textRaw, textContext, { fixed, presets }),
    textContext,
    options.place ?? INSIDE,
    options.type,
  );
}

interface Parts {
  /** Class of the part below the head: "VoxtralModel". */
  readonly class: string;
  /** Tower, language model and projector in checkpoint order. */
  readonly children: readonly Module[];
  readonly text: LanguagePart;
  /** As the composite's own config says, not its language model's. */
  readonly tied: boolean;
  /**
   * How features get among the tokens, where it is not as in nearly all: the placeholders' shape is compared first, and
   * the features are returned with the logits. Null: they are added to the tokens' embeddings.
   */
  readonly merge?: MergeOp | null;
  /** In place of the language model's head. */
  readonly head?: Module;
  readonly audio: AudioGeometry;
}

/** An audio tower, a projector and a language model as transformers 5 puts them together: `model.…` and `lm_head`. */
export function audioLlm(raw: RawConfig, context: Context, parts: Parts): Described {
  const { merge = { kind: "merge", checked: true, kept: true } } = parts;
  return {
    type: "audio-llm",
    root: module(context.architecture, "", [
      module(parts.class, "model", parts.children, { ...(merge && { op: merge }) }),
      parts.head ?? languageHead({ ...parts.text, tied: parts.tied }, INSIDE),
    ]),
    dtype: statedDtype(raw) ?? parts.text.dtype,
    audio: parts.audio,
    context: contextUpTo(parts.text.maxPositions),
  };
}
