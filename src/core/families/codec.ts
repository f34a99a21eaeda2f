import type { AudioGeometry } from "../audio/geometry.ts";
import { own, type RawConfig, within } from "../config/raw.ts";
import { InputError, nearest, shown } from "../errors.ts";
import { type Module, module } from "../tree/module.ts";
import type { Context, Described, Family } from "./family.ts";

/** A neural audio codec, whole: alone it is the model, elsewhere one part of it. */
export interface Codec {
  /** Class in the reference implementation: "EncodecModel". */
  readonly class: string;
  readonly children: readonly (Module | undefined)[];
  /** From samples to the frames that it makes codes of. */
  readonly geometry: AudioGeometry;
  /** From the encoder's positions to code frames, where the codec thins them out afterwards. */
  readonly thinning?: AudioGeometry["pooling"];
  /** Width of what its quantiser takes in. */
  readonly hidden: number;
}

export interface CodecUse {
  /** Whether it encodes piece by piece and keeps its state from one piece to the next. */
  readonly streaming: boolean;
}

export type CodecReader = (raw: RawConfig, context: Context, use: CodecUse) => Codec;

/** A codec as a model of its own. */
export function codecFamily(
  recipe: Pick<Family, "name" | "modelTypes" | "architectures"> & { readonly read: CodecReader },
): Family {
  return {
    name: recipe.name,
    modelTypes: recipe.modelTypes,
    architectures: recipe.architectures,
    purpose: "audio to discrete codes and back",
    describe: (raw, context): Described => {
      const codec = recipe.read(raw, context, { streaming: true });
      return {
        type: "codec",
        root: codecModule("", codec),
        audio: codec.geometry,
        context: { max: undefined, hard: false, preset: 0, prompt: undefined },
      };
    },
  };
}

export const codecModule = (name: string, codec: Codec): Module =>
  module(codec.class, name, codec.children, { component: "codec" });

/** Codebooks hold a power of two of entries; the reference refuses others. @throws InputError */
export function powerOfTwo(size: number, field: string): void {
  if (!Number.isInteger(Math.log2(size))) {
    throw new InputError(
      "inconsistent",
      `${field} is ${size}, but must be a power of two: correct it in the config.`,
      field,
    );
  }
}

/**
 * The codec inside another model, by its `model_type`.
 * @param preset the type where the config names none.
 */
export function codecOf(
  readers: Readonly<Record<string, CodecReader>>,
  raw: RawConfig,
  context: Context,
  use: CodecUse,
  preset?: string,
): Codec {
  const type = own(raw, "model_type") ?? preset;
  const found =
    typeof type === "string" && Object.hasOwn(readers, type) ? readers[type] : undefined;
  if (found) return found(raw, context, use);
  const field = within(context.path, "model_type");
  throw new InputError(
    "unknown-model-type",
    `${field} is ${shown(type)}, a codec that is not described here (nearest known: ${nearest(String(type), Object.keys(readers)).join(", ")}).`,
    field,
  );
}
