import { type Module, module } from "../tree/module.ts";
import { linear } from "./linear.ts";
import { layerNorm } from "./norm.ts";

/** Merged encoder positions to the language model's width: two matrices and a norm in one sequence (Kimi-Audio, MOSS). */
export const vqAdaptor = (
  name: string,
  input: number,
  width: number,
  places: readonly [string, string, string],
): Module =>
  module(
    "VQAdaptor",
    name,
    [
      linear(`layers.${places[0]}`, input, width),
      linear(`layers.${places[1]}`, width, width),
      layerNorm(`layers.${places[2]}`, width),
    ],
    { component: "audio_projector", op: { kind: "projector", widths: [width, width] } },
  );
