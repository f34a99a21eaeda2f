import { deviceBuffers } from "../derive/parameters.ts";
import { bytesOf, findDtype } from "../dtype.ts";
import type { Model } from "../model.ts";
import { type Product, times } from "../quantity/product.ts";
import type { Scheme } from "../quantization/scheme.ts";
import { isWhole, partsByComponent, storedTensors } from "../quantization/stored.ts";
import type { Amount, LinePlan, Phase, Setup } from "./engine.ts";

/** One line of weights for every component, and one for the buffers that live beside them. */
export function weightLines(model: Model, setup: Setup, phases: readonly Phase[]): LinePlan[] {
  const always = (sum: readonly Product[]): Partial<Record<Phase, Amount>> =>
    Object.fromEntries(phases.map((phase) => [phase, { sum }]));
  const { quantization, precision, tensorParallel } = setup;
  const basis = quantization?.basis ?? (isWhole(precision) ? "exact" : "rule");
  const lines = storedLines(partsByComponent(storedTensors(model.root, setup)), always, {
    basis: tensorParallel > 1 ? "rule" : basis,
    source: quantization
      ? quantisedSource(quantization)
      : !isWhole(precision)
        ? "every parameter at this many bits, block scales included; what a scheme leaves in 16 bits is not told apart"
        : tensorParallel > 1
          ? "tensors cut by heads, rows and columns as in Megatron-LM (Shoeybi et al. 2019), norms and convolutions repeated"
          : "parameters as the reference implementation builds them",
  });
  const buffers = deviceBuffers(model.root);
  if (buffers.length > 0) {
    lines.push({
      label: "buffers",
      component: "runtime",
      kind: "weights",
      basis: "exact",
      source:
        "tensors of the reference implementation that are no parameters (rotary frequencies, position tables, statistics)",
      alive: always(
        buffers.map((buffer) => {
          const dtype =
            buffer.dtype === "model" ? setup.compute : (findDtype(buffer.dtype) ?? "fp32");
          return [times(buffer.elements, buffer.name), times(bytesOf(dtype), `B ${dtype}`)];
        }),
      ),
    });
  }
  return lines;
}

export const quantisedSource = ({ source }: Scheme): string =>
  `${source}; the parameters that it leaves out in the model's dtype`;

/** A line for every component that stores something: the sum of its parts. */
export function storedLines(
  components: ReturnType<typeof partsByComponent>,
  always: (sum: readonly Product[]) => LinePlan["alive"],
  about: Pick<LinePlan, "basis" | "source">,
): LinePlan[] {
  return [...components].map(([component, parts]) => ({
    label: "weights",
    component,
    kind: "weights",
    ...about,
    alive: always(
      parts.map(({ what, count, size, unit }) =>
        // A factor of one is not printed, but here it says what the parts are.
        size === 1
          ? [times(count, `${what} × 1 B ${unit}`)]
          : [times(count, what), times(size, `B ${unit}`)],
      ),
    ),
  }));
}
