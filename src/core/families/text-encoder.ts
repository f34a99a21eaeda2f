import { labelCount } from "../config/labels.ts";
import type { RawConfig } from "../config/raw.ts";
import { linear } from "../layers/linear.ts";
import { type Component, type Module, module } from "../tree/module.ts";
import type { Context, Described, Family } from "./family.ts";

/** A text encoder as a family reads it from a config. */
interface Body {
  /** The encoder under `name`; "" where it is the whole model. */
  encoder(name: string, pooled: boolean, architecture: string): Module;
  readonly width: number;
  /** Tokens that fit; its own limit where positions are a table. */
  readonly positions: number;
  readonly hard: boolean;
}

interface HeadPlace {
  readonly width: number;
  readonly labels: () => number;
}

interface Task {
  /** Whether the encoder's pooler exists under this head. */
  readonly pooled: boolean;
  readonly head: (place: HeadPlace) => readonly Module[];
}

interface Recipe<B extends Body> extends Pick<Family, "name" | "purpose"> {
  /** Prefix of the class names. */
  readonly classes: string;
  /** Name of the encoder inside a model with a head. */
  readonly base: string;
  read(raw: RawConfig, context: Context): B;
  /** By what comes after the prefix in the class name; "Model" alone has no head. The first is described by default. */
  readonly tasks: (body: B) => Readonly<Record<string, Task>>;
  readonly architectures: readonly string[];
  /** Whether heads come before the encoder. */
  readonly headsFirst?: boolean;
  /** Whether `Model` alone has the pooler. */
  readonly pooled: boolean;
}

/** What most of them are published as; the first is described where a config names none. */
export const USUAL_ENDINGS = [
  "Model",
  "ForMaskedLM",
  "ForSequenceClassification",
  "ForTokenClassification",
  "ForQuestionAnswering",
  "ForMultipleChoice",
] as const;

/** A family of encoders that read a text as a whole and keep nothing. */
export const textEncoderFamily = <B extends Body>(recipe: Recipe<B>): Family => ({
  name: recipe.name,
  modelTypes: [recipe.name],
  architectures: recipe.architectures.map((ending) => `${recipe.classes}${ending}`),
  purpose: recipe.purpose,
  describe(raw, context): Described {
    const body = recipe.read(raw, context);
    const ending = context.architecture.slice(recipe.classes.length);
    const task = recipe.tasks(body)[ending];
    const place = { width: body.width, labels: () => labelCount(raw, context) };
    const whole = (heads: readonly Module[], pooled: boolean): Module => {
      const encoder = body.encoder(recipe.base, pooled, ending);
      const parts = recipe.headsFirst ? [...heads, encoder] : [encoder, ...heads];
      return module(context.architecture, "", parts);
    };
    return {
      type: "encoder-only",
      root: task ? whole(task.head(place), task.pooled) : body.encoder("", recipe.pooled, ending),
      audio: undefined,
      encoderText: { max: body.hard ? body.positions : undefined },
      context: { max: undefined, hard: false, preset: 0, prompt: undefined },
    };
  },
});

/** The matrix that scores classes. */
export const classifier = (width: number, labels: number, name = "classifier"): Module =>
  linear(name, width, labels, { component: "lm_head" });

/** A vocabulary matrix with a bias; the matrix, and the bias where it has another home too, may share storage. */
export function vocabularyHead(
  name: string,
  width: number,
  vocab: number,
  tied: { readonly weight?: string | undefined; readonly bias?: string | undefined },
  options: { readonly bias?: boolean; readonly component?: Component } = {},
): Module {
  const { bias = true, component = "lm_head" } = options;
  const head = linear(name, width, vocab, {
    component,
    bias,
    divide: { by: "columns" },
  });
  const owners: Readonly<Record<string, string | undefined>> = tied;
  return {
    ...head,
    tensors: head.tensors.map((tensor) => {
      const owner = owners[tensor.name];
      return owner === undefined ? tensor : { ...tensor, tiedTo: owner };
    }),
    op: { kind: "head", vocab, positions: "all" },
  };
}

/** Heads that most text encoders have in the same shape: a class per token, an answer's ends, a score per choice. */
export const commonTasks = (pooledChoice: boolean): Readonly<Record<string, Task>> => ({
  ForTokenClassification: {
    pooled: false,
    head: ({ width, labels }) => [classifier(width, labels())],
  },
  ForQuestionAnswering: {
    pooled: false,
    head: ({ width, labels }) => [classifier(width, labels(), "qa_outputs")],
  },
  ForMultipleChoice: { pooled: pooledChoice, head: ({ width }) => [classifier(width, 1)] },
});
