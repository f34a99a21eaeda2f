import { audioLengths, catalogConfig, describe as describeModel } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

/** Tokens for recordings of some seconds, as the reference's processors count them. */
const TOKENS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  // Padded to whole chunks of 30 s.
  "mistralai/Voxtral-Mini-3B-2507": { 1: 375, 10: 375, 30: 375, 31: 750, 95: 1500 },
  // 80 ms a token.
  "mistralai/Voxtral-Mini-4B-Realtime-2602": { 1: 13, 10: 125, 30: 375, 31: 388, 95: 1188 },
  "nvidia/audio-flamingo-3-hf": { 1: 25, 10: 250, 30: 750, 31: 775, 95: 2375, 700: 15000 },
  "zai-org/GLM-ASR-Nano-2512": { 1: 12, 10: 125, 30: 375, 31: 387, 95: 1187 },
  "Qwen/Qwen3-ASR-0.6B-hf": { 1: 13, 1.5: 20, 10: 130, 30: 390, 31: 403, 95: 1235 },
  "FunAudioLLM/Fun-ASR-Nano-2512-hf": { 1: 17, 10: 167, 30: 500, 31: 517, 95: 1583 },
  "microsoft/VibeVoice-ASR-HF": { 1: 8, 10: 75, 30: 225, 31: 233, 95: 713 },
  "OpenMOSS-Team/MOSS-Audio-4B-Instruct": { 1: 13, 10: 125, 30: 375, 31: 388, 95: 1188 },
  "OpenMOSS-Team/MOSS-Transcribe-Diarize": { 1: 13, 10: 125, 30: 375, 31: 388, 95: 1188 },
  "moonshotai/Kimi-Audio-7B-Instruct": { 1: 13, 10: 125, 30: 375, 31: 388, 95: 1188 },
  "mispeech/midashenglm-7b": { 1: 5, 10: 50, 30: 150, 31: 155, 95: 475 },
};

describe.each(Object.entries(TOKENS))("%s", (id, expected) => {
  const { audio } = describeModel(catalogConfig(id), { resolve: catalogConfig });
  it.each(Object.entries(expected))(
    "makes of %s s as many tokens as its processor",
    (seconds, tokens) => {
      if (!audio) throw new Error("no audio geometry");
      expect(audioLengths(audio, Number(seconds)).tokens).toBe(tokens);
    },
  );
});
