import type { AudioGeometry } from "./audio/geometry.ts";
import type { Dtype } from "./dtype.ts";
import type { Scheme } from "./quantization/scheme.ts";
import type { Module } from "./tree/module.ts";
import type { VisionGeometry } from "./vision/geometry.ts";

/** What kind of model it is, in the words of people who choose one. */
export const MODEL_TYPES = [
  "encoder-decoder",
  "audio-llm",
  "decoder-only",
  "encoder-only",
  "multimodal",
  "state-space",
  "hybrid",
  "text-to-speech",
  "codec",
  "unknown",
] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

/** A described model: the tree, and what the engines need to know besides it. */
export interface Model {
  /** Class in the reference implementation: "WhisperForConditionalGeneration". */
  readonly architecture: string;
  /** Name of the family that described it. */
  readonly family: string;
  readonly type: ModelType;
  readonly root: Module;
  /** The dtype that the config states for the checkpoint, if it does. */
  readonly dtype: Dtype | undefined;
  /** How the config says that the checkpoint's weights are quantised; undefined: not at all. */
  readonly quantization?: Scheme;
  /** The `quant_method` of a config that nothing here knows: only its checkpoint's header tells the size. */
  readonly unreadQuantization?: string;
  readonly audio: AudioGeometry | undefined;
  /** How images become patches and tokens; undefined where the model does not see, or its rule is not known. */
  readonly vision?: VisionGeometry;
  /** What an encoder reads where it reads text: tokens of its own, besides the decoder's prompt. */
  readonly encoderText?: EncoderText;
  readonly context: ContextLimit;
  /** What had to be assumed because the config does not say it. */
  readonly assumptions: readonly string[];
  /** Why the tree itself is an assumption, as a sentence's beginning; undefined: it is the reference's. */
  readonly assumed?: string;
  /** Fields that the config leaves out; the reference class's defaults were taken. */
  readonly defaulted: readonly string[];
}

export interface EncoderText {
  /** The longest that is possible; undefined: any length. */
  readonly max: number | undefined;
}

/** How far the decoder's context reaches. */
export interface ContextLimit {
  /** The config's own limit; undefined where it has none. */
  readonly max: number | undefined;
  /** Whether more is impossible (a table of learned positions) rather than unwise (rotary positions). */
  readonly hard: boolean;
  /** What is taken where the user says nothing. */
  readonly preset: number;
  /** Prompt tokens besides the audio where the user says nothing; undefined: the prompt fills the context. */
  readonly prompt: number | undefined;
}

/** What a language model is sized for where the user says nothing: {@link ContextLimit.preset}. */
export const DEFAULT_CONTEXT = 2048;

export function contextUpTo(max: number | undefined): ContextLimit {
  return {
    max,
    hard: false,
    preset: Math.min(max ?? DEFAULT_CONTEXT, DEFAULT_CONTEXT),
    prompt: undefined,
  };
}
