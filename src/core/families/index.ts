import { albert } from "./albert.ts";
import { apertus } from "./apertus.ts";
import { arcee } from "./arcee.ts";
import { ast } from "./ast.ts";
import { audioFlamingo3, musicFlamingo } from "./audio-flamingo3.ts";
import { bamba } from "./bamba.ts";
import { bark } from "./bark.ts";
import { bart, m2m100, marian, mbart, pegasus } from "./bart.ts";
import { bert, camembert, roberta, xlmRoberta } from "./bert.ts";
import { bigBird } from "./big-bird.ts";
import { bitnet } from "./bitnet.ts";
import { bloom } from "./bloom.ts";
import { canary } from "./canary.ts";
import { clap } from "./clap.ts";
import { cohere, cohere2 } from "./cohere.ts";
import { cohereAsr } from "./cohere-asr.ts";
import { csm } from "./csm.ts";
import { cwm } from "./cwm.ts";
import { dac } from "./dac.ts";
import { data2vecAudio } from "./data2vec-audio.ts";
import { dbrx } from "./dbrx.ts";
import { debertaV2 } from "./deberta.ts";
import { deepseekV2, deepseekV3, glm4MoeLite } from "./deepseek.ts";
import { dia } from "./dia.ts";
import { distilbert } from "./distilbert.ts";
import { dots1 } from "./dots1.ts";
import { electra } from "./electra.ts";
import { encodec } from "./encodec.ts";
import { ernie45, ernie45Moe } from "./ernie4-5.ts";
import { exaoneMoe } from "./exaone-moe.ts";
import { exaone4 } from "./exaone4.ts";
import { falcon } from "./falcon.ts";
import { falconH1 } from "./falcon-h1.ts";
import type { Family } from "./family.ts";
import { funAsrNano } from "./fun-asr-nano.ts";
import { gemma } from "./gemma.ts";
import { gemma2, vaultGemma } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { gemma3Text } from "./gemma3-text.ts";
import { gemma3n } from "./gemma3n.ts";
import { gemma3nText } from "./gemma3n-text.ts";
import { gemma4 } from "./gemma4.ts";
import { gemma4Text } from "./gemma4-text.ts";
import { glm, glm4 } from "./glm.ts";
import { glmAsr } from "./glm-asr.ts";
import { glm4Moe } from "./glm4-moe.ts";
import { gptNeo } from "./gpt-neo.ts";
import { gptNeoX } from "./gpt-neox.ts";
import { gptOss } from "./gpt-oss.ts";
import { gpt2, gptBigCode } from "./gpt2.ts";
import { codegen, gptj } from "./gptj.ts";
import { graniteHybrid } from "./granite-hybrid.ts";
import { graniteMoe, graniteMoeShared } from "./granite-moe.ts";
import { graniteSpeech } from "./granite-speech.ts";
import { gte, nomicBert } from "./gte.ts";
import { helium } from "./helium.ts";
import { speechT5HifiGan } from "./hifigan.ts";
import { hubert } from "./hubert.ts";
import { hunyuanDense, hunyuanMoe } from "./hunyuan.ts";
import { internVl } from "./internvl.ts";
import { jamba } from "./jamba.ts";
import { jetmoe } from "./jetmoe.ts";
import { kimiAudio } from "./kimi-audio.ts";
import { kyutaiSpeechToText } from "./kyutai-speech-to-text.ts";
import { lfm2, lfm2Moe } from "./lfm2.ts";
import { granite, llama } from "./llama.ts";
import { llama4, llama4Text } from "./llama4.ts";
import { llava, llavaNext } from "./llava.ts";
import { longcatFlash } from "./longcat-flash.ts";
import { longformer } from "./longformer.ts";
import { falconMamba, mamba, mamba2 } from "./mamba.ts";
import { midashengLm } from "./midashenglm.ts";
import { mimi } from "./mimi.ts";
import { minicpm } from "./minicpm.ts";
import { minicpm3 } from "./minicpm3.ts";
import { minicpmo } from "./minicpmo.ts";
import { minimax, minimaxM2 } from "./minimax.ts";
import { ministral, ministral3 } from "./ministral.ts";
import { mistral } from "./mistral.ts";
import { mistral3 } from "./mistral3.ts";
import { mixtral, phimoe } from "./mixtral.ts";
import { mllama } from "./mllama.ts";
import { modernbert } from "./modernbert.ts";
import { moonshine } from "./moonshine.ts";
import { moonshineStreaming } from "./moonshine-streaming.ts";
import { moshi } from "./moshi.ts";
import { mossAudio, mossTranscribeDiarize } from "./moss.ts";
import { mpnet } from "./mpnet.ts";
import { mpt } from "./mpt.ts";
import { musicgen, musicgenMelody } from "./musicgen.ts";
import { nanochat } from "./nanochat.ts";
import { nemotron } from "./nemotron.ts";
import { nemotronH } from "./nemotron-h.ts";
import { olmo, olmo2, olmo3, olmoe } from "./olmo.ts";
import { opt } from "./opt.ts";
import { paliGemma } from "./paligemma.ts";
import { parakeet } from "./parakeet.ts";
import { persimmon } from "./persimmon.ts";
import { phi } from "./phi.ts";
import { phi3 } from "./phi3.ts";
import { phi4Multimodal } from "./phi4-multimodal.ts";
import { qwen2Vl, qwen3Vl, qwen3VlMoe, qwen25Vl, qwen35MoeVl, qwen35Vl } from "./qwen-vl.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen25Omni, qwen25OmniThinker } from "./qwen2_5-omni.ts";
import { qwen2Audio } from "./qwen2-audio.ts";
import { qwen2Moe } from "./qwen2-moe.ts";
import { qwen2VlText, qwen25OmniText, qwen25VlText } from "./qwen2-text.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Asr } from "./qwen3-asr.ts";
import { qwen3Moe } from "./qwen3-moe.ts";
import { qwen3Next, qwen35, qwen35Moe } from "./qwen3-next.ts";
import { qwen3Omni, qwen3OmniThinker } from "./qwen3-omni-moe.ts";
import { qwen3OmniText, qwen3VlMoeText, qwen3VlText } from "./qwen3-text.ts";
import { recurrentGemma } from "./recurrent-gemma.ts";
import { rwkv } from "./rwkv.ts";
import { seamless } from "./seamless.ts";
import { seedOss } from "./seed-oss.ts";
import { sew, sewD } from "./sew.ts";
import { smollm3 } from "./smollm3.ts";
import { solarOpen } from "./solar-open.ts";
import { speechToText } from "./speech-to-text.ts";
import { speechT5 } from "./speecht5.ts";
import { stablelm } from "./stablelm.ts";
import { starcoder2 } from "./starcoder2.ts";
import { mt5, t5, umt5 } from "./t5.ts";
import { ultravox } from "./ultravox.ts";
import { unispeech, unispeechSat } from "./unispeech.ts";
import { vibeVoiceAsr } from "./vibevoice-asr.ts";
import { vits } from "./vits.ts";
import { voxtral } from "./voxtral.ts";
import { voxtralRealtime, voxtralRealtimeText } from "./voxtral-realtime.ts";
import { wav2vec2 } from "./wav2vec2.ts";
import { wav2vec2Bert } from "./wav2vec2-bert.ts";
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
  phi4Multimodal,
  parakeet,
  cohereAsr,
  canary,
  gemma3n,
  gemma4,
  // speech encoders over raw samples
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
  kyutaiSpeechToText,
  moshi,
  musicgen,
  musicgenMelody,
  bark,
  csm,
  dia,
  vits,
  // speech, images and text
  qwen25Omni,
  qwen25OmniThinker,
  qwen3Omni,
  qwen3OmniThinker,
  minicpmo,
  // images
  gemma3,
  qwen2Vl,
  qwen25Vl,
  qwen3Vl,
  qwen3VlMoe,
  qwen35Vl,
  qwen35MoeVl,
  llama4,
  mllama,
  llava,
  llavaNext,
  mistral3,
  internVl,
  paliGemma,
  // text
  llama,
  llama4Text,
  qwen2,
  qwen3,
  qwen3Moe,
  mistral,
  gemma3Text,
  gemma3nText,
  gemma4Text,
  granite,
  t5,
  mt5,
  umt5,
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
  camembert,
  distilbert,
  debertaV2,
  modernbert,
  albert,
  electra,
  mpnet,
  longformer,
  bigBird,
  nomicBert,
  gte,
  gemma,
  gemma2,
  vaultGemma,
  phi,
  phi3,
  smollm3,
  cohere,
  cohere2,
  stablelm,
  starcoder2,
  gpt2,
  gptBigCode,
  opt,
  bloom,
  gptNeoX,
  gptNeo,
  gptj,
  codegen,
  falcon,
  mpt,
  mixtral,
  phimoe,
  jetmoe,
  gptOss,
  deepseekV2,
  deepseekV3,
  glm4MoeLite,
  glm4Moe,
  dots1,
  solarOpen,
  longcatFlash,
  qwen3Next,
  qwen35,
  qwen35Moe,
  qwen2Moe,
  graniteMoe,
  graniteMoeShared,
  olmo,
  olmo2,
  olmo3,
  olmoe,
  glm,
  glm4,
  exaone4,
  exaoneMoe,
  ernie45,
  ernie45Moe,
  minimax,
  minimaxM2,
  minicpm,
  minicpm3,
  ministral,
  ministral3,
  nemotron,
  persimmon,
  arcee,
  helium,
  seedOss,
  apertus,
  hunyuanDense,
  hunyuanMoe,
  dbrx,
  bitnet,
  cwm,
  nanochat,
];

/** How a `model_type` serves as the language model of a composite one. */
export const languages: ReadonlyMap<string, NonNullable<Family["language"]>> = new Map([
  ...families.flatMap((family) =>
    family.language ? family.modelTypes.map((type) => [type, family.language] as const) : [],
  ),
  // Text halves of models with towers: no family of their own, but other models build on them.
  ["qwen2_vl_text", qwen2VlText] as const,
  ["qwen2_5_vl_text", qwen25VlText] as const,
  ["qwen2_5_omni_text", qwen25OmniText] as const,
  ["qwen3_vl_text", qwen3VlText] as const,
  ["qwen3_vl_moe_text", qwen3VlMoeText] as const,
  ["qwen3_omni_moe_text", qwen3OmniText] as const,
]) as ReadonlyMap<string, NonNullable<Family["language"]>>;
