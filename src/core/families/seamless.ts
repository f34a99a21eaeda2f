import { stackedFbankGeometry } from "../audio/fbank-geometry.ts";
import type { AudioGeometry, Step } from "../audio/geometry.ts";
import { embedding } from "../layers/embedding.ts";
import { contextUpTo } from "../model.ts";
import { lmHead } from "../towers/lm-head.ts";
import { type Module, module } from "../tree/module.ts";
import type { Family } from "./family.ts";
import { readSeamless, type SeamlessConfig } from "./seamless-config.ts";
import { seamlessText, seamlessVocoder, textToUnit } from "./seamless-parts.ts";
import { seamlessSpeechEncoder } from "./seamless-speech.ts";

/** Which ends a task has: what comes after the common prefix of the class names. */
const TASKS = {
  Model: { text: true, speech: true, voice: true },
  ForSpeechToText: { text: false, speech: true, voice: false },
  ForTextToText: { text: true, speech: false, voice: false },
  ForSpeechToSpeech: { text: false, speech: true, voice: true },
  ForTextToSpeech: { text: true, speech: false, voice: true },
} as const;
const tasks = Object.keys(TASKS) as (keyof typeof TASKS)[];

/**
 * SeamlessM4T 1 and 2 (Seamless Communication 2023): translation from speech or text to text, and from there by way of
 * discrete units to speech. Source: transformers 5.18, `models/seamless_m4t`, `models/seamless_m4t_v2`.
 */
export const seamless: Family = {
  name: "seamless_m4t",
  modelTypes: ["seamless_m4t", "seamless_m4t_v2"],
  architectures: ["SeamlessM4T", "SeamlessM4Tv2"].flatMap((classes) =>
    tasks.map((task) => `${classes}${task}`),
  ),
  purpose: "speech and text translation, to text or speech",
  describe(raw, context) {
    const config = readSeamless(raw, context);
    const task = tasks.find((name) => context.architecture.endsWith(name)) ?? "Model";
    const { text, speech, voice } = TASKS[task];
    const { hidden_size: width, vocab_size: vocab, tie_word_embeddings: tied } = config;
    const shared = tied ? "shared.weight" : undefined;
    const root = module(`${config.classes}${task}`, "", [
      embedding("shared", vocab, width, { component: "embeddings", divided: true }),
      text ? seamlessText(config, "encoder", shared) : undefined,
      speech ? seamlessSpeechEncoder(config) : undefined,
      seamlessText(config, "decoder", shared),
      lmHead({ width, vocab, positions: "all", ...(shared && { tiedTo: shared }) }),
      ...(voice ? [textToUnit(config), seamlessVocoder(config)] : []),
    ] satisfies (Module | undefined)[]);
    return {
      type: "multimodal",
      root,
      ...(text && !speech && { encoderText: { max: undefined } }),
      audio: speech ? geometry(config) : undefined,
      context: contextUpTo(config.max_position_embeddings),
    };
  },
};

/** The decoder attends to what the adapter leaves; the conformer before it runs over `adaptor_stride` times as much. */
function geometry(config: SeamlessConfig): AudioGeometry {
  const { adaptor_kernel_size: kernel, adaptor_stride: stride } = config;
  const layers = config.add_adapter ? config.num_adapter_layers : 0;
  const step: Step = { kind: "conv", kernel, stride, padding: Math.floor(stride / 2) };
  return stackedFbankGeometry(
    config.feature_projection_input_dim,
    Array.from({ length: layers }, () => step),
  );
}
