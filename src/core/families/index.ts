import { bark } from "./bark.ts";
import { csm } from "./csm.ts";
import { dac } from "./dac.ts";
import { data2vecAudio } from "./data2vec-audio.ts";
import { dia } from "./dia.ts";
import { encodec } from "./encodec.ts";
import type { Family } from "./family.ts";
import { gemma3AsLanguage, gemma3Text } from "./gemma3-text.ts";
import { granite } from "./granite.ts";
import { graniteSpeech } from "./granite-speech.ts";
import { speechT5HifiGan } from "./hifigan.ts";
import { hubert } from "./hubert.ts";
import { kyutaiSpeechToText } from "./kyutai-speech-to-text.ts";
import { llama } from "./llama.ts";
import { mimi } from "./mimi.ts";
import { mistral } from "./mistral.ts";
import { moshi } from "./moshi.ts";
import { musicgen, musicgenMelody } from "./musicgen.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen2Audio } from "./qwen2-audio.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3-moe.ts";
import { sew, sewD } from "./sew.ts";
import { speechToText } from "./speech-to-text.ts";
import { speechT5 } from "./speecht5.ts";
import { mt5, t5, umt5 } from "./t5.ts";
import { ultravox } from "./ultravox.ts";
import { unispeech, unispeechSat } from "./unispeech.ts";
import { vits } from "./vits.ts";
import { wav2vec2 } from "./wav2vec2.ts";
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
  // encoder-decoders over speech, and a vocoder
  speechToText,
  speechT5,
  speechT5HifiGan,
  // sound: codecs, speech and music synthesis
  encodec,
  dac,
  mimi,
  kyutaiSpeechToText,
  moshi,
  musicgen,
  musicgenMelody,
  bark,
  csm,
  dia,
  vits,
  // text
  llama,
  qwen2,
  qwen3,
  qwen3Moe,
  mistral,
  gemma3Text,
  granite,
  t5,
  mt5,
  umt5,
];

/** How a `model_type` serves as the language model of a composite one. */
export const languages: ReadonlyMap<string, NonNullable<Family["language"]>> = new Map([
  ...families.flatMap((family) =>
    family.language ? family.modelTypes.map((type) => [type, family.language] as const) : [],
  ),
  ["gemma3", gemma3AsLanguage] as const,
]) as ReadonlyMap<string, NonNullable<Family["language"]>>;
