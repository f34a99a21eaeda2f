import type { Family } from "./family.ts";
import { gemma3 } from "./gemma3.ts";
import { gemma3Text } from "./gemma3-text.ts";
import { granite } from "./granite.ts";
import { internVl } from "./internvl.ts";
import { llama } from "./llama.ts";
import { llama4, llama4Text } from "./llama4.ts";
import { llava, llavaNext } from "./llava.ts";
import { minicpmo } from "./minicpmo.ts";
import { mistral } from "./mistral.ts";
import { mistral3 } from "./mistral3.ts";
import { mllama } from "./mllama.ts";
import { paliGemma } from "./paligemma.ts";
import { qwen2Vl, qwen3Vl, qwen3VlMoe, qwen25Vl } from "./qwen-vl.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen25Omni, qwen25OmniThinker } from "./qwen2_5-omni.ts";
import { qwen2Audio } from "./qwen2-audio.ts";
import { qwen2VlText, qwen25OmniText, qwen25VlText } from "./qwen2-text.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3-moe.ts";
import { qwen3Omni, qwen3OmniThinker } from "./qwen3-omni-moe.ts";
import { qwen3OmniText, qwen3VlMoeText, qwen3VlText } from "./qwen3-text.ts";
import { ultravox } from "./ultravox.ts";
import { whisper } from "./whisper.ts";

/** Every architecture that can be described. */
export const families: readonly Family[] = [
  // speech
  whisper,
  qwen2Audio,
  ultravox,
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
  granite,
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
