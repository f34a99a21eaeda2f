import { audioFlamingo3, musicFlamingo } from "./audio-flamingo3.ts";
import { bamba } from "./bamba.ts";
import { bart, m2m100, marian, mbart, pegasus } from "./bart.ts";
import { bert, roberta, xlmRoberta } from "./bert.ts";
import { dac } from "./dac.ts";
import { data2vecAudio } from "./data2vec-audio.ts";
import { debertaV2 } from "./deberta.ts";
import { distilbert } from "./distilbert.ts";
import { encodec } from "./encodec.ts";
import { falconH1 } from "./falcon-h1.ts";
import type { Family } from "./family.ts";
import { funAsrNano } from "./fun-asr-nano.ts";
import { gemma3AsLanguage, gemma3Text } from "./gemma3-text.ts";
import { glmAsr } from "./glm-asr.ts";
import { granite } from "./granite.ts";
import { graniteHybrid } from "./granite-hybrid.ts";
import { graniteSpeech } from "./granite-speech.ts";
import { hubert } from "./hubert.ts";
import { jamba } from "./jamba.ts";
import { kimiAudio } from "./kimi-audio.ts";
import { lfm2, lfm2Moe } from "./lfm2.ts";
import { llama } from "./llama.ts";
import { falconMamba, mamba, mamba2 } from "./mamba.ts";
import { midashengLm } from "./midashenglm.ts";
import { mimi } from "./mimi.ts";
import { mistral } from "./mistral.ts";
import { modernbert } from "./modernbert.ts";
import { mossAudio, mossTranscribeDiarize } from "./moss.ts";
import { nemotronH } from "./nemotron-h.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen2Audio } from "./qwen2-audio.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Asr } from "./qwen3-asr.ts";
import { qwen3Moe } from "./qwen3-moe.ts";
import { recurrentGemma } from "./recurrent-gemma.ts";
import { rwkv } from "./rwkv.ts";
import { sew, sewD } from "./sew.ts";
import { ultravox } from "./ultravox.ts";
import { unispeech, unispeechSat } from "./unispeech.ts";
import { vibeVoiceAsr } from "./vibevoice-asr.ts";
import { voxtral } from "./voxtral.ts";
import { voxtralRealtime, voxtralRealtimeText } from "./voxtral-realtime.ts";
import { wav2vec2 } from "./wav2vec2.ts";
import { wav2vec2Conformer } from "./wav2vec2-conformer.ts";
import { wavlm } from "./wavlm.ts";
import { whisper } from "./whisper.ts";
import { zamba2 } from "./zamba2.ts";

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
  // sound: codecs, speech and music synthesis
  encodec,
  dac,
  mimi,
  voxtral,
  voxtralRealtime,
  voxtralRealtimeText,
  audioFlamingo3,
  musicFlamingo,
  glmAsr,
  qwen3Asr,
  funAsrNano,
  vibeVoiceAsr,
  mossAudio,
  mossTranscribeDiarize,
  kimiAudio,
  midashengLm,
  // text
  llama,
  qwen2,
  qwen3,
  qwen3Moe,
  mistral,
  gemma3Text,
  granite,
  // state-space and hybrid
  mamba,
  mamba2,
  falconMamba,
  jamba,
  zamba2,
  nemotronH,
  lfm2,
  lfm2Moe,
  graniteHybrid,
  falconH1,
  bamba,
  recurrentGemma,
  rwkv,
  // text to text
  bart,
  mbart,
  marian,
  pegasus,
  m2m100,
  // text encoders
  bert,
  roberta,
  xlmRoberta,
  distilbert,
  debertaV2,
  modernbert,
];

/** How a `model_type` serves as the language model of a composite one. */
export const languages: ReadonlyMap<string, NonNullable<Family["language"]>> = new Map([
  ...families.flatMap((family) =>
    family.language ? family.modelTypes.map((type) => [type, family.language] as const) : [],
  ),
  ["gemma3", gemma3AsLanguage] as const,
]) as ReadonlyMap<string, NonNullable<Family["language"]>>;
