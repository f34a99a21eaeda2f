/**
 * Checkpoints that are built exactly like another one: instruction-tuned from it, renamed, or the same sizes trained
 * on other data. The right side is a catalog id.
 */
export const aliases: Readonly<Record<string, string>> = {
  "meta-llama/Llama-3.1-8B-Instruct": "meta-llama/Llama-3.1-8B",
  "meta-llama/Meta-Llama-3.1-8B": "meta-llama/Llama-3.1-8B",
  "meta-llama/Meta-Llama-3.1-8B-Instruct": "meta-llama/Llama-3.1-8B",
  "meta-llama/Llama-3.1-70B-Instruct": "meta-llama/Llama-3.1-70B",
  "meta-llama/Meta-Llama-3.1-70B-Instruct": "meta-llama/Llama-3.1-70B",
  "meta-llama/Llama-3.3-70B-Instruct": "meta-llama/Llama-3.1-70B",
  "meta-llama/Llama-3.2-1B-Instruct": "meta-llama/Llama-3.2-1B",
  "openai/whisper-large-v2": "openai/whisper-large",
  "Qwen/Qwen2-Audio-7B": "Qwen/Qwen2-Audio-7B-Instruct",
};
