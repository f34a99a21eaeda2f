/** `<file> <phase>` of observations that the rules do not reach, each with its reason in docs/accuracy.md. */
export const EXPLAINED: ReadonlySet<string> = new Set([
  "fun-asr-nano encode",
  "qwen3.5 decode",
  "qwen3.5 prefill",
  "sew-d encode",
]);
