/** One link of the chain: a length in, a length out, rounded as the reference implementation rounds. */
export type Step =
  /** ⌊(n + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1: a convolution or a pooling. */
  | {
      readonly kind: "conv";
      readonly kernel: number;
      readonly stride: number;
      readonly padding?: number;
      readonly dilation?: number;
    }
  /** ⌊n / by⌋ */
  | { readonly kind: "floor"; readonly by: number }
  /** ⌈n / by⌉ */
  | { readonly kind: "ceil"; readonly by: number }
  /** n × by + plus */
  | { readonly kind: "scale"; readonly by: number; readonly plus?: number }
  /** The same chain over blocks of `size`, the last one shorter, summed. */
  | { readonly kind: "blocks"; readonly size: number; readonly steps: readonly Step[] }
  /** This many whatever comes in. */
  | { readonly kind: "fixed"; readonly value: number }
  /** No more than this. */
  | { readonly kind: "at-most"; readonly value: number };

export function follow(steps: readonly Step[], length: number): number {
  let n = length;
  for (const step of steps) n = Math.max(0, apply(step, n));
  return n;
}

function apply(step: Step, n: number): number {
  switch (step.kind) {
    case "conv": {
      const reach = (step.dilation ?? 1) * (step.kernel - 1) + 1;
      return Math.floor((n + 2 * (step.padding ?? 0) - reach) / step.stride) + 1;
    }
    case "floor":
      return Math.floor(n / step.by);
    case "ceil":
      return Math.ceil(n / step.by);
    case "scale":
      return n * step.by + (step.plus ?? 0);
    case "blocks": {
      const rest = n % step.size;
      const whole = Math.floor(n / step.size);
      return (
        (whole > 0 ? whole * follow(step.steps, step.size) : 0) +
        (rest > 0 ? follow(step.steps, rest) : 0)
      );
    }
    case "fixed":
      return step.value;
    case "at-most":
      return Math.min(n, step.value);
    default:
      return step satisfies never;
  }
}
