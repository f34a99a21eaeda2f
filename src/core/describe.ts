import { asRawConfig, own, type RawConfig, within } from "./config/raw.ts";
import { InputError, shown } from "./errors.ts";
import { findStand, type Stand } from "./families/assume.ts";
import { type Context, type Described, type Family, statedDtype } from "./families/family.ts";
import { languages } from "./families/index.ts";
import type { Model } from "./model.ts";
import { readQuantization } from "./quantization/read.ts";
import type { Place } from "./towers/causal-lm.ts";
import type { Module } from "./tree/module.ts";
import { joined, walk } from "./tree/walk.ts";
import { findFamily, firstArchitecture, unknownModel, unknownType } from "./which-family.ts";

export interface DescribeOptions {
  /**
   * Gives the config.json of a model that the described one refers to by id (Ultravox's `text_model_id`), or undefined
   * where it has none. Default: nothing can be resolved, and a config that needs it is refused.
   */
  readonly resolve?: (id: string) => unknown;
  /**
   * "llama": a config of unknown `model_type` is described as a Llama-style decoder, unless its fields speak against it. Every
   * line of a report is then `assumed`. A known `model_type` is described as itself.
   */
  readonly assume?: string;
}

/**
 * What a config.json stands for: the tree of modules, the audio geometry and the limits.
 * @param config the parsed JSON of a `config.json`, as published: fields that it leaves out have the reference's defaults.
 * @throws InputError when the config is malformed, of an unknown architecture, or refers to something that cannot be had.
 */
export function describe(config: unknown, options: DescribeOptions = {}): Model {
  const raw = asRawConfig(config);
  const stand = options.assume === undefined ? undefined : findStand(options.assume);
  const family = findFamily(raw);
  const model = family
    ? describeAs(family, raw, options, stand && [notNeeded(stand, family)])
    : describeAssumed(raw, stand, options);
  models.add(model);
  return model;
}

const notNeeded = ({ name }: Stand, family: Family): string =>
  `--assume ${name} is not needed: this is described as ${family.name}, which it says it is.`;

/** @throws InputError where nothing was assumed, or the config speaks against it. */
function describeAssumed(
  raw: RawConfig,
  stand: Stand | undefined,
  options: DescribeOptions,
): Model {
  const unknown = unknownModel(raw);
  if (!stand) throw unknown;
  const architecture = firstArchitecture(raw);
  const named = stand.classFor(architecture);
  const against =
    named === undefined
      ? { field: "architectures", reason: `its architecture is ${shown(architecture)}` }
      : stand.against(raw);
  if (against) {
    throw new InputError(
      "unknown-model-type",
      `--assume ${stand.name} does not hold for this config, because ${against.reason}: only a model whose own architecture is described can be sized (see \`models\`).`,
      against.field,
    );
  }
  const seen = new Set<string>();
  const watched = new Proxy(
    { ...raw, model_type: stand.family.modelTypes[0], architectures: [named] },
    {
      getOwnPropertyDescriptor(target, key) {
        if (typeof key === "string") seen.add(key);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
    },
  );
  const model = describeAs(stand.family, watched, options);
  const present = Object.keys(raw).filter((key) => own(raw, key) !== null);
  const notRead = present.filter((key) => !seen.has(key) && !stand.immaterial(key, own(raw, key)));
  const read = present.filter((key) => seen.has(key) && !stand.immaterial(key, own(raw, key)));
  const what = own(raw, "model_type") ?? architecture ?? "none";
  return {
    ...model,
    assumed: `model_type ${shown(what)} is not described, and --assume ${stand.name} takes it for ${stand.kind}`,
    assumptions: [
      `Every line: model_type ${shown(what)} is not described, and --assume ${stand.name} takes it for ${stand.kind}.`,
      `Read as such a decoder's: ${read.join(", ")}.`,
      notRead.length > 0
        ? `Not understood, and may change every number: ${notRead.join(", ")}.`
        : "No other field of the config that could matter was left unread.",
      ...(model.defaulted.length > 0
        ? [`Left out, so that its defaults apply: ${model.defaulted.join(", ")}.`]
        : []),
      ...model.assumptions,
    ],
  };
}

function describeAs(
  family: Family,
  raw: RawConfig,
  options: DescribeOptions,
  said: readonly string[] = [],
): Model {
  const assumptions = new Set<string>(said);
  const defaulted = new Set<string>();
  const architecture = architectureOf(raw, family, assumptions);
  const context = contextFor(architecture, options, assumptions, defaulted);
  const described = family.describe(raw, context);
  checkShapes(described.root);
  checkWindow(described.audio);
  const dtype = described.dtype ?? statedDtype(raw);
  const stated = own(raw, "dtype") ?? own(raw, "torch_dtype") ?? undefined;
  if (dtype === undefined && stated !== undefined)
    assumptions.add(`The config's dtype ${shown(stated)} is not known and is passed over.`);
  return {
    architecture,
    family: family.name,
    ...described,
    dtype,
    ...readQuantization(raw),
    assumptions: [...assumptions],
    defaulted: [...defaulted],
  };
}

/** Models that {@link describe} made: a config can look like anything, so its looks decide nothing. */
const models = new WeakSet<object>();

/** Whether `value` is a model that {@link describe} made, and not a config that still has to be read. */
export const isDescribed = (value: unknown): value is Model =>
  typeof value === "object" && value !== null && models.has(value);

/** Sizes that each make sense can still leave a tensor with no width, or a fraction of one, when they meet. */
function checkShapes(root: Module): void {
  walk(root, (module, place) => {
    for (const { name, shape } of module.tensors) {
      if (shape.every((size) => Number.isInteger(size) && size > 0)) continue;
      const full = joined(place.path(), name);
      throw new InputError(
        "inconsistent",
        `The sizes in this config give ${full} the shape [${shape.join(", ")}], which no tensor can have: one of the widths, heads or strides that it is made of must be wrong.`,
        full,
      );
    }
  });
}

/** A window of audio that a config makes shorter than a sample, or endless. */
function checkWindow(audio: Described["audio"]): void {
  const samples = audio?.window?.samples;
  if (samples === undefined || (samples >= 1 && Number.isSafeInteger(Math.ceil(samples)))) return;
  throw new InputError(
    "inconsistent",
    `The sizes in this config make the encoder's window ${samples} samples long, which no audio can be cut into: its length, positions or rate must be wrong.`,
    "audio",
  );
}

function contextFor(
  architecture: string,
  options: DescribeOptions,
  assumptions: Set<string>,
  defaulted: Set<string>,
  path = "",
): Context {
  return {
    path,
    architecture,
    assumptions,
    defaulted,
    inside: (key) => contextFor(architecture, options, assumptions, defaulted, within(path, key)),
    resolve(id, field) {
      const found = options.resolve?.(id);
      if (found === undefined) {
        throw new InputError(
          "unresolved-reference",
          `${within(path, field)} refers to ${shown(id)}, whose config.json is not at hand, so that part cannot be counted: put its config in place of the reference or use a model whose parts are in the catalog.`,
          within(path, field),
        );
      }
      return asRawConfig(found, `The config of ${shown(id)}`);
    },
    language(raw, inner, place: Place, preset) {
      const type = own(raw, "model_type") ?? preset;
      const language = typeof type === "string" ? languages.get(type) : undefined;
      if (!language) {
        const field = within(inner.path, "model_type");
        throw type === undefined
          ? new InputError(
              "missing-field",
              `${field} is missing: add the language model's type to the config.`,
              field,
            )
          : unknownType(
              type,
              field,
              [...languages.keys()],
              "not a language model that is described here",
            );
      }
      return language(raw, inner, place);
    },
  };
}

function architectureOf(raw: RawConfig, family: Family, assumptions: Set<string>): string {
  const named = firstArchitecture(raw);
  const [preset = family.name] = family.architectures;
  if (named !== undefined && family.architectures.includes(named)) return named;
  assumptions.add(
    named === undefined
      ? `The config names no architecture: described as ${preset}.`
      : `The architecture ${shown(named)} is not known by that name: described as ${preset}, which has this model_type.`,
  );
  return preset;
}
