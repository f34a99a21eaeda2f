import { type Module, module } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";

/**
 * A module whose matrices sit one level deeper, in `Gemma4ClippableLinear`, beside four stored limits where the config
 * asks for clipping.
 * @param keep names of matrices that stay as they are.
 */
export function clippable(
  outer: Module,
  clipped: boolean,
  dtype: DeviceBuffer["dtype"],
  keep: readonly string[] = [],
): Module {
  const limits = ["input_min", "input_max", "output_min", "output_max"];
  const buffers = limits.map((name) => ({ name, shape: [], dtype, persistent: true }));
  return {
    ...outer,
    children: outer.children.map((child) =>
      child.class !== "Linear" || keep.includes(child.name)
        ? child
        : module(
            "Gemma4ClippableLinear",
            child.name,
            [{ ...child, name: "linear" }],
            clipped ? { buffers } : {},
          ),
    ),
  };
}
