/** `<file> <phase>` of observations that the rules do not reach, each with its reason in docs/accuracy.md. */
export const EXPLAINED: ReadonlySet<string> = new Set([
  "sew-d encode",
]);
