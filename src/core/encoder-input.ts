import { type AudioLengths, audioLengths, lengthsFromPositions } from "./audio/geometry.ts";
import { InputError, shown } from "./errors.ts";
import type { Model } from "./model.ts";
import type { Module } from "./tree/module.ts";
import { walk } from "./tree/walk.ts";
import { grouped } from "./units.ts";
import type { ImageSize } from "./vision/cut.ts";
import { type ImageLengths, imageLengths } from "./vision/geometry.ts";
import { checkImageSize } from "./vision/image-size.ts";
import { flagOf, MAX_TOKENS, whole } from "./whole.ts";

/** The options that say how much an encoder reads. */
interface EncoderInput {
  readonly audioSeconds?: number;
  readonly encoderSeqLength?: number;
  readonly maxModelLen?: number;
  readonly images?: number;
  readonly imageSize?: ImageSize;
}

export const DEFAULT_AUDIO_SECONDS = 30;
/** A year of audio. */
const MAX_SECONDS = 366 * 24 * 3600;
/** What T5 was trained on (Raffel et al. 2020, section 3.1.2): what a text encoder is sized for where the user says nothing. */
const DEFAULT_ENCODER_TOKENS = 512;

/** An encoder of text without a decoder: it has no context besides what it reads. */
export const readsTextAlone = ({ encoderText, audio, context }: Model): boolean =>
  encoderText !== undefined && audio === undefined && context.preset === 0;

/** Tokens that an encoder of text reads; 0 where there is none. */
export function encoderTokensOf(model: Model, options: EncoderInput, assumed: string[]): number {
  if (!model.encoderText || model.audio) return 0;
  const { max } = model.encoderText;
  // Without a decoder, the only length there is has either name.
  const alone = readsTextAlone(model) ? options.maxModelLen : undefined;
  const option = options.encoderSeqLength === undefined ? "maxModelLen" : "encoderSeqLength";
  const stated = options.encoderSeqLength ?? alone;
  if (stated === undefined) {
    const preset = Math.min(DEFAULT_ENCODER_TOKENS, max ?? DEFAULT_ENCODER_TOKENS);
    assumed.push(
      `The encoder reads ${grouped(preset)} tokens of text. --encoder-seq-length says otherwise.`,
    );
    return preset;
  }
  const tokens = whole(stated, option, MAX_TOKENS);
  if (max !== undefined && tokens > max) {
    throw new InputError(
      "does-not-fit",
      `${flagOf(option)} is ${grouped(tokens)}, more than the ${grouped(max)} positions that this encoder has: ask for less.`,
      option,
    );
  }
  return tokens;
}

/** What the recording becomes; null for a model that does not hear. */
export function audioOf(model: Model, options: EncoderInput): AudioLengths | null {
  const { audioSeconds, encoderSeqLength } = options;
  const geometry = model.audio;
  if (!geometry) {
    const asked =
      audioSeconds !== undefined
        ? "audioSeconds"
        : encoderSeqLength !== undefined && !model.encoderText
          ? "encoderSeqLength"
          : undefined;
    if (asked === undefined) return null;
    throw new InputError(
      "inconsistent",
      `${flagOf(asked)} was given, but this model does not take audio: leave it out.`,
      asked,
    );
  }
  if (encoderSeqLength !== undefined) {
    if (audioSeconds !== undefined) {
      throw new InputError(
        "inconsistent",
        "Both --audio-seconds and --encoder-seq-length were given, and each sets the length of the audio: keep one.",
        "encoderSeqLength",
      );
    }
    const positions = whole(encoderSeqLength, "encoderSeqLength", MAX_TOKENS);
    if (geometry.maxPositions !== undefined && positions > geometry.maxPositions) {
      throw new InputError(
        "does-not-fit",
        `--encoder-seq-length is ${grouped(positions)}, more than the ${grouped(geometry.maxPositions)} positions that this encoder has: ask for less.`,
        "encoderSeqLength",
      );
    }
    return lengthsFromPositions(geometry, positions);
  }
  // A language model that hears also reads text alone.
  if (audioSeconds === 0 && geometry.pooling) return null;
  const seconds = audioSeconds ?? DEFAULT_AUDIO_SECONDS;
  if (!(typeof seconds === "number" && seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new InputError(
      "out-of-range",
      `--audio-seconds is ${shown(seconds)}, but must be a number of seconds above 0 and up to ${grouped(MAX_SECONDS)}.`,
      "audioSeconds",
    );
  }
  return audioLengths(geometry, seconds);
}

/** What an image is taken to be where the user gives no size: XGA, about what a screenshot or a web page's picture has. */
const DEFAULT_IMAGE_SIZE: ImageSize = { width: 1024, height: 768 };
/** 65,536 images in one prompt: beyond it a number is a mistake, not a plan. */
export const MAX_IMAGES = 2 ** 16;

/** What the images become; null where there are none. */
export function imagesOf(
  model: Model,
  { images, imageSize }: EncoderInput,
  assumed: string[],
): ImageLengths | null {
  if (images === undefined) {
    if (imageSize === undefined) return null;
    throw new InputError(
      "inconsistent",
      "--image-size was given, but not how many images there are: add --images 1.",
      "images",
    );
  }
  const size = imageSize === undefined ? undefined : checkImageSize(imageSize);
  if (images === 0) return null;
  const count = whole(images, "images", MAX_IMAGES);
  const geometry = model.vision;
  if (!geometry) {
    throw new InputError(
      "inconsistent",
      sees(model.root)
        ? "--images was given, but how this model makes tokens of images is not known here: leave it out, and count their tokens in --prompt-tokens."
        : "--images was given, but this model does not take images: leave it out.",
      "images",
    );
  }
  if (geometry.assumed !== undefined) assumed.push(geometry.assumed);
  if (
    size === undefined &&
    geometry.sizing.kind !== "square" &&
    geometry.sizing.kind !== "cross-attended"
  )
    assumed.push(
      `The images are ${DEFAULT_IMAGE_SIZE.width}×${DEFAULT_IMAGE_SIZE.height} pixels. --image-size says otherwise.`,
    );
  return imageLengths(geometry, count, size ?? DEFAULT_IMAGE_SIZE);
}

function sees(root: Module): boolean {
  let found = false;
  walk(root, (_module, { component }) => {
    if (component === "vision_encoder") found = true;
  });
  return found;
}
