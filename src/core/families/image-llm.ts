import { type RawConfig, section } from "../config/raw.ts";
import { contextUpTo } from "../model.ts";
import { languageHead } from "../towers/causal-lm.ts";
import { type Module, module } from "../tree/module.ts";
import type { MergeOp } from "../tree/op.ts";
import type { Tensor } from "../tree/tensor.ts";
import type { VisionGeometry } from "../vision/geometry.ts";
import { type Context, type Family, sectionOf, statedDtype } from "./family.ts";
import { type VisionPart, visionTower } from "./vision-towers.ts";

interface Part {
  /** `model_type` of a section that names none. */
  readonly type: string;
  /** What the config class takes where there is no section at all. */
  readonly absent: RawConfig;
}

interface Recipe<Config> extends Pick<Family, "name" | "purpose"> {
  /** Prefix of the class names. */
  readonly classes: string;
  readonly vision: Part;
  readonly text: Part;
  readonly read: (raw: RawConfig, context: Context) => Config & { tie_word_embeddings: boolean };
  /** Whether a tie in the language model's config counts where the top-level one is false. */
  readonly textTies: boolean;
  readonly projector: (
    config: Config,
    vision: VisionPart,
    textWidth: number,
    context: Context,
  ) => Module;
  /** Whether the features are joined anew before they are merged. */
  readonly merge: NonNullable<MergeOp["images"]>;
  /** Outputs of all layers of the tower are collected, although only some are used (`output_hidden_states`). */
  readonly allLayers: boolean;
  /** The tiles of all images are joined to one batch before they are encoded. */
  readonly joins?: true;
  readonly images: (config: Config, vision: VisionPart) => VisionGeometry;
  /** Parameters of the model itself. */
  readonly parameters?: (textWidth: number) => readonly Tensor[];
}

/**
 * The shape that LLaVA (Liu et al. 2023) gave to models that see: an image tower, a projector and a language model, each
 * by its own config, and a head of the model's own.
 */
export function imageLlm<Config>(recipe: Recipe<Config>): Family {
  const { name, classes, purpose } = recipe;
  return {
    name,
    modelTypes: [name],
    architectures: [`${classes}ForConditionalGeneration`],
    purpose,
    describe(raw, context) {
      const config = recipe.read(raw, context);
      const [visionRaw, visionContext] = part(raw, "vision_config", recipe.vision, context);
      const [textRaw, textContext] = part(raw, "text_config", recipe.text, context);
      const place = { backbone: "model.language_model", head: "lm_head" };
      const text = context.language(textRaw, textContext, place, recipe.text.type);
      const vision = visionTower(visionRaw, visionContext, "vision_tower", recipe.vision.type);
      const tied =
        config.tie_word_embeddings ||
        (recipe.textTies && text.head.tensors.some(({ tiedTo }) => tiedTo !== undefined));
      const projector = recipe.projector(config, vision, text.width, context);
      const parameters = recipe.parameters?.(text.width) ?? [];
      return {
        type: "multimodal",
        root: module(context.architecture, "", [
          module(
            `${classes}Model`,
            "model",
            [
              running(recipe, vision),
              { ...projector, component: "vision_projector" },
              text.backbone,
            ],
            {
              op: { kind: "merge", checked: false, kept: false, images: recipe.merge },
              ...(parameters.length > 0 && {
                component: "vision_projector",
                tensors: parameters,
              }),
            },
          ),
          languageHead({ ...text, tied }, place),
        ]),
        dtype: statedDtype(raw) ?? text.dtype,
        audio: undefined,
        vision: recipe.images(config, vision),
        context: contextUpTo(text.maxPositions),
      };
    },
  };
}

/** While the last layer runs, the inputs of all are there; afterwards their outputs too. */
function running(
  { allLayers, joins }: { readonly allLayers: boolean; readonly joins?: true },
  { tower, layers }: VisionPart,
): Module {
  if (tower.op?.kind !== "tower") return tower;
  const all = allLayers && { held: layers - 1, handsOn: layers + 1 };
  return { ...tower, op: { ...tower.op, ...all, ...(joins && { joins }) } };
}

function part(
  raw: RawConfig,
  key: string,
  { absent }: Part,
  context: Context,
): [RawConfig, Context] {
  if (section(raw, key, context.path)) return sectionOf(raw, key, context);
  const [, inner] = sectionOf(raw, key, context);
  return [absent, inner];
}
