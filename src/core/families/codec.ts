import type { AudioGeometry } from "../audio/geometry.ts";
import type { RawConfig } from "../config/raw.ts";
import { InputError } from "../errors.ts";
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
  /** Entries of one codebook. */
  readonly codebookSize: number;
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
