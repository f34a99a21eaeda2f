import { type AudioLengths, audioLengths, lengthsFromPositions } from "./audio/geometry.ts";
import { InputError, shown } from "./errors.ts";
import type { Model } from "./model.ts";
import { grouped } from "./units.ts";
import { flagOf, MAX_TOKENS, whole } from "./whole.ts";

/** The options that say how much an encoder reads. */
interface EncoderInput {
  readonly audioSeconds?: number;
  readonly encoderSeqLength?: number;
}

export const DEFAULT_AUDIO_SECONDS = 30;
/** A year of audio. */
const MAX_SECONDS = 366 * 24 * 3600;
/** What T5 was trained on (Raffel et al. 2020, section 3.1.2): what a text encoder is sized for where the user says nothing. */
const DEFAULT_ENCODER_TOKENS = 512;

/** Tokens that an encoder of text reads; 0 where there is none. */
export function encoderTokensOf(model: Model, options: EncoderInput, assumed: string[]): number {
  if (!model.encoderText || model.audio) return 0;
  const { max } = model.encoderText;
  if (options.encoderSeqLength === undefined) {
    const preset = Math.min(DEFAULT_ENCODER_TOKENS, max ?? DEFAULT_ENCODER_TOKENS);
    assumed.push(
      `The encoder reads ${grouped(preset)} tokens of text. --encoder-seq-length says otherwise.`,
    );
    return preset;
  }
  const tokens = whole(options.encoderSeqLength, "encoderSeqLength", MAX_TOKENS);
  if (max !== undefined && tokens > max) {
    throw new InputError(
      "does-not-fit",
      `--encoder-seq-length is ${grouped(tokens)}, more than the ${grouped(max)} positions that this encoder has: ask for less.`,
      "encoderSeqLength",
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
