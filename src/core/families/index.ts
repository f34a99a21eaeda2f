import { ast } from "./ast.ts";
import { canary } from "./canary.ts";
import { clap } from "./clap.ts";
import { cohereAsr } from "./cohere-asr.ts";
import { dac } from "./dac.ts";
import { data2vecAudio } from "./data2vec-audio.ts";
import { encodec } from "./encodec.ts";
import type { Family } from "./family.ts";
import { gemma3AsLanguage, gemma3Text } from "./gemma3-text.ts";
import { gemma3n } from "./gemma3n.ts";
import { gemma3nText } from "./gemma3n-text.ts";
import { gemma4 } from "./gemma4.ts";
import { gemma4Text } from "./gemma4-text.ts";
import { granite } from "./granite.ts";
import { graniteSpeech } from "./granite-speech.ts";
import { speechT5HifiGan } from "./hifigan.ts";
import { hubert } from "./hubert.ts";
import { llama } from "./llama.ts";
import { mimi } from "./mimi.ts";
import { mistral } from "./mistral.ts";
import { moonshine } from "./moonshine.ts";
import { moonshineStreaming } from "./moonshine-streaming.ts";
import { parakeet } from "./parakeet.ts";
import { phi4Multimodal } from "./phi4-multimodal.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen2Audio } from "./qwen2-audio.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3-moe.ts";
import { seamless } from "./seamless.ts";
import { sew, sewD } from "./sew.ts";
import { speechToText } from "./speech-to-text.ts";
import { speechT5 } from "./speecht5.ts";
import { ultravox } from "./ultravox.ts";
import { unispeech, unispeechSat } from "./unispeech.ts";
import { wav2vec2 } from "./wav2vec2.ts";
import { wav2vec2Bert } from "./wav2vec2-bert.ts";
import { wav2vec2Conformer } from "./wav2vec2-conformer.ts";
import { wavlm } from "./wavlm.ts";
import { whisper } from "./whisper.ts";

/** Every architecture that can be described. */
export const families: readonly Family[] = [
  // speech
  whisper,
  qwen2Audio,
  ultravox,
  graniteSpeech,
  phi4Multimodal,
  parakeet,
  cohereAsr,
  canary,
  gemma3n,
  gemma4,
  // speech encoders over raw samples
  wav2vec2,
  hubert,
  wavlm,
  unispeech,
  unispeechSat,
  data2vecAudio,
  sew,
  sewD,
  wav2vec2Conformer,
  wav2vec2Bert,
  // encoders over spectrograms
  ast,
  clap,
  // encoder-decoders over speech, and a vocoder
  seamless,
  speechToText,
  moonshine,
  moonshineStreaming,
  speechT5,
  speechT5HifiGan,
  // sound: codecs, speech and music synthesis
  encodec,
  dac,
  mimi,
  // text
  llama,
  qwen2,
  qwen3,
  qwen3Moe,
  mistral,
  gemma3Text,
  gemma3nText,
  gemma4Text,
  granite,
];

/** How a `model_type` serves as the language model of a composite one. */
export const languages: ReadonlyMap<string, NonNullable<Family["language"]>> = new Map([
  ...families.flatMap((family) =>
    family.language ? family.modelTypes.map((type) => [type, family.language] as const) : [],
  ),
  ["gemma3", gemma3AsLanguage] as const,
]) as ReadonlyMap<string, NonNullable<Family["language"]>>;
