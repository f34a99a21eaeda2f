import type { AudioLengths } from "./audio/geometry.ts";
import {
  audioOf,
  DEFAULT_AUDIO_SECONDS,
  encoderTokensOf,
  imagesOf,
  readsTextAlone,
} from "./encoder-input.ts";
import { InputError } from "./errors.ts";
import type { Model } from "./model.ts";
import type { AxisValues } from "./quantity/axis.ts";
import { grouped } from "./units.ts";
import type { ImageSize } from "./vision/cut.ts";
import type { ImageLengths } from "./vision/geometry.ts";
import { MAX_TOKENS, whole } from "./whole.ts";

/** What runs, in the user's words. All are optional; what is left out is taken as documented and reported as assumed. */
export interface WorkloadOptions {
  /** Sequences that run together. Default 1. */
  readonly batchSize?: number;
  /** Seconds of audio in each sequence. Default 30 for models that hear. */
  readonly audioSeconds?: number;
  /** Encoder positions instead of seconds; tokens where the encoder reads text (default 512). */
  readonly encoderSeqLength?: number;
  /** Images in each sequence. Default none. */
  readonly images?: number;
  /** Width and height of each image in pixels. Default 1024 × 768. */
  readonly imageSize?: ImageSize;
  /** The decoder's whole context in tokens, those of audio and images included. */
  readonly maxModelLen?: number;
  /** Text tokens of the prompt, besides audio and images. */
  readonly promptTokens?: number;
  /** Tokens to generate. */
  readonly maxNewTokens?: number;
}

/** The same, settled for a model. Lengths are per sequence. */
export interface Workload {
  readonly batchSize: number;
  /** Tokens in the decoder's context when generation ends; 0 where nothing is generated. */
  readonly contextTokens: number;
  /** Tokens of it that get keys and values: one less where the last generated token ends the run. */
  readonly cachedTokens: number;
  /** Tokens of the prompt, those of audio and images included. */
  readonly promptTokens: number;
  readonly audioTokens: number;
  readonly audio: AudioLengths | null;
  readonly imageTokens: number;
  readonly images: ImageLengths | null;
  /** Tokens that an encoder of text reads; 0 where there is none. */
  readonly encoderTokens: number;
}

/** A million sequences: beyond it a number is a mistake, not a plan. */
export const MAX_BATCH = 2 ** 20;

/**
 * Settles the workload: checks every number, turns seconds into positions and tokens, and fits prompt and generation
 * into the context.
 * @param assumed receives a sentence for each value that the user left open and that changes the answer.
 * @throws InputError `out-of-range` for a number that makes no sense, `does-not-fit` where audio, images or prompt exceed the context.
 */
export function settleWorkload(
  model: Model,
  options: WorkloadOptions,
  assumed: string[] = [],
): Workload {
  const batchSize = whole(options.batchSize ?? 1, "batchSize", MAX_BATCH);
  const audio = audioOf(model, options);
  const encoderTokens = encoderTokensOf(model, options, assumed);
  const audioTokens = audio?.tokens ?? 0;
  const images = imagesOf(model, options, assumed);
  const imageTokens = images?.tokens ?? 0;
  const mediaTokens = audioTokens + imageTokens;
  const { max, hard, prompt: usualPrompt } = model.context;
  const text =
    options.promptTokens === undefined
      ? undefined
      : whole(options.promptTokens, "promptTokens", MAX_TOKENS);
  const fresh =
    options.maxNewTokens === undefined
      ? presetTokens(model, options, audioTokens, assumed)
      : whole(options.maxNewTokens, "maxNewTokens", MAX_TOKENS);
  const stated =
    options.maxModelLen === undefined || readsTextAlone(model)
      ? undefined
      : whole(options.maxModelLen, "maxModelLen", MAX_TOKENS);

  // Where the user names none: what generation starts from, at least one token where there is nothing else either.
  const leastText = usualPrompt ?? (mediaTokens > 0 ? 0 : 1);
  const asked =
    text !== undefined || fresh !== undefined
      ? mediaTokens + (text ?? leastText) + (fresh ?? 0)
      : undefined;
  const context = stated ?? asked ?? openContext(model, imageTokens);
  if (hard && max !== undefined && context > max) {
    throw new InputError(
      "does-not-fit",
      `A context of ${grouped(context)} tokens is more than the ${grouped(max)} positions that this model has: ask for less (--max-model-len, --prompt-tokens, --max-new-tokens).`,
      "maxModelLen",
    );
  }
  if (audioTokens > context) {
    throw new InputError(
      "does-not-fit",
      `${options.encoderSeqLength === undefined ? `${grouped(options.audioSeconds ?? DEFAULT_AUDIO_SECONDS)} s` : `${grouped(options.encoderSeqLength)} encoder positions`} of audio become ${grouped(audioTokens)} tokens, more than the context of ${grouped(context)}: raise --max-model-len or shorten the audio.`,
      "maxModelLen",
    );
  }
  if (images && mediaTokens > context) {
    throw new InputError(
      "does-not-fit",
      `${imagesSaid(images)} become ${grouped(imageTokens)} tokens${audioTokens > 0 ? ` beside the audio's ${grouped(audioTokens)}` : ""}, more than the context of ${grouped(context)}: raise --max-model-len, or show fewer or smaller images.`,
      "maxModelLen",
    );
  }
  if (asked !== undefined && asked > context) {
    throw new InputError(
      "does-not-fit",
      `${images ? "Images, audio" : "Audio"}, prompt and new tokens add up to ${grouped(asked)}, more than the context of ${grouped(context)}: raise --max-model-len or ask for less.`,
      "maxModelLen",
    );
  }
  let prompt = mediaTokens + (text ?? usualPrompt ?? 0);
  if (text === undefined && usualPrompt === undefined) {
    prompt = context - (fresh ?? 0);
    if (context > 0)
      assumed.push(
        stated === undefined && fresh !== undefined
          ? `The prompt is ${mediaAlone(audioTokens, imageTokens)}. --prompt-tokens says otherwise.`
          : `The prompt fills the context (${grouped(prompt)} tokens): the largest prefill. --prompt-tokens says otherwise.`,
      );
  } else if (text === undefined && usualPrompt !== undefined) {
    assumed.push(
      `The prompt is the ${usualPrompt === 1 ? "one token" : `${usualPrompt} tokens`} that generation starts from. --prompt-tokens says otherwise.`,
    );
  }
  if (context > 0 && stated === undefined && asked === undefined) {
    assumed.push(
      `The context is ${grouped(context)} tokens${max !== undefined && max > context ? ` (the model allows ${grouped(max)})` : ""}. --max-model-len says otherwise.`,
    );
  }
  if (!hard && max !== undefined && context > max) {
    assumed.push(
      `The context of ${grouped(context)} tokens is longer than the ${grouped(max)} that the config states.`,
    );
  }
  if (audio && audio.cutSeconds > 0) {
    assumed.push(
      `Only the first ${grouped(Number((audio.seconds - audio.cutSeconds).toFixed(3)))} s are heard: this model cuts longer audio off.`,
    );
  }
  if (model.audio && options.audioSeconds === undefined && options.encoderSeqLength === undefined) {
    assumed.push(`The audio is ${DEFAULT_AUDIO_SECONDS} s long. --audio-seconds says otherwise.`);
  }
  const promptTokens = Math.min(prompt, context);
  const ends = stated === undefined && fresh !== undefined;
  return {
    batchSize,
    contextTokens: context,
    cachedTokens: ends ? Math.max(promptTokens, context - 1) : context,
    promptTokens,
    audioTokens,
    audio,
    imageTokens,
    images,
    encoderTokens,
  };
}

/** The usual context where the user names none, and room for the images beside it as far as the model allows. */
export function openContext({ context: { max, preset } }: Model, imageTokens: number): number {
  return preset > 0 ? Math.min(preset + imageTokens, Math.max(preset, max ?? MAX_TOKENS)) : preset;
}

const imagesSaid = ({ count, width, height }: ImageLengths): string =>
  `${grouped(count)} ${count === 1 ? "image" : "images"} of ${width}×${height}`;

function mediaAlone(audioTokens: number, imageTokens: number): string {
  const media = [audioTokens > 0 ? "audio" : "", imageTokens > 0 ? "images" : ""];
  const there = media.filter((name) => name !== "").join(" and the ");
  return there === "" ? "one token" : `the ${there} alone`;
}

/**
 * The workload as the axes that formulas are written over.
 * @param whole whether beams multiply the input too: a language model expands its prompt, with the audio in it; an
 *   encoder-decoder encodes once.
 */
export function axesOf(
  workload: Workload,
  { expansion, whole: everything }: { readonly expansion: number; readonly whole: boolean } = {
    expansion: 1,
    whole: false,
  },
): AxisValues {
  const { batchSize, contextTokens, cachedTokens, promptTokens, audioTokens, audio } = workload;
  const { encoderTokens, images } = workload;
  return {
    batch: everything ? batchSize * expansion : batchSize,
    decoded: batchSize * expansion,
    windows: audio?.concurrentWindows ?? (encoderTokens > 0 ? 1 : 0),
    frames: audio?.windowFrames ?? 0,
    samples: audio?.windowSamples ?? 0,
    positions: audio?.windowPositions ?? encoderTokens,
    memory: (audio?.positions ?? encoderTokens) + (images?.crossPositions ?? 0),
    audioTokens,
    prompt: promptTokens,
    context: contextTokens,
    cached: cachedTokens,
    heldFrames: audio ? heldFrames(audio) : 0,
    tiles: images ? images.count * images.imageTiles : 0,
    patches: images?.tilePatches ?? 0,
    pixels: images?.tilePixels ?? 0,
    features: images?.features ?? 0,
  };
}

/** Windows that run together are all held; one after the other, the recording and a copy of the window that runs. */
function heldFrames(audio: AudioLengths): number {
  if (audio.windows === audio.concurrentWindows)
    return audio.concurrentWindows * audio.windowFrames;
  return audio.frames + audio.windowFrames;
}

/**
 * Tokens to generate where a prompt is given and nothing else: what the model's generation_config.json presets. Where the
 * prompt is left open, too, the whole context is sized, whatever is generated in it.
 */
function presetTokens(
  { generation, context }: Model,
  { promptTokens, maxModelLen }: WorkloadOptions,
  audioTokens: number,
  assumed: string[],
): number | undefined {
  if (promptTokens === undefined || maxModelLen !== undefined || !generation) return undefined;
  const used = audioTokens + whole(promptTokens, "promptTokens", MAX_TOKENS);
  const room = context.hard && context.max !== undefined ? context.max - used : MAX_TOKENS;
  const { maxNewTokens, maxLength } = generation;
  const preset = maxNewTokens ?? (maxLength === undefined ? undefined : maxLength - used);
  if (preset === undefined || preset < 0) return undefined;
  const tokens = Math.max(0, Math.min(preset, room));
  assumed.push(
    `${grouped(tokens)} tokens are generated, as the model's generation_config.json presets. --max-new-tokens says otherwise.`,
  );
  return tokens;
}
