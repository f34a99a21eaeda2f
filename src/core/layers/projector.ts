import { type Module, module } from "../tree/module.ts";
import { linear } from "./linear.ts";

interface ProjectorOptions {
  readonly bias?: boolean;
  readonly names?: readonly string[];
}

/** Matrices from encoder positions to the language model's width, an activation between each two: `linear_1`, `linear_2`. */
export function projector(
  className: string,
  name: string,
  input: number,
  widths: readonly number[],
  options: ProjectorOptions = {},
): Module {
  const { bias = true, names = [] } = options;
  return module(
    className,
    name,
    widths.map((width, i) =>
      linear(names[i] ?? `linear_${i + 1}`, i === 0 ? input : (widths[i - 1] ?? input), width, {
        bias,
      }),
    ),
    { component: "audio_projector", op: { kind: "projector", widths } },
  );
}
