import { countParameters, deviceBuffers } from "../derive/parameters.ts";
import { bytesOf, findDtype } from "../dtype.ts";
import type { Model } from "../model.ts";
import { type Product, times } from "../quantity/product.ts";
import type { Component } from "../tree/module.ts";
import type { Amount, LinePlan, Phase, Setup } from "./engine.ts";

const UNQUANTISED = new Set(["fp32", "fp16", "bf16", "tf32", "fp64"]);

/** One line of weights for every component, and one for the buffers that live beside them. */
export function weightLines(model: Model, setup: Setup, phases: readonly Phase[]): LinePlan[] {
  const { precision, tensorParallel } = setup;
  const always = (sum: readonly Product[]): Partial<Record<Phase, Amount>> =>
    Object.fromEntries(phases.map((phase) => [phase, { sum }]));
  const { components } = countParameters(model.root, tensorParallel);
  const quantised = !UNQUANTISED.has(precision);
  const lines: LinePlan[] = (Object.entries(components) as [Component, number][]).map(
    ([component, count]) => ({
      label: "weights",
      component,
      kind: "weights",
      basis: quantised || tensorParallel > 1 ? "rule" : "exact",
      source: quantised
        ? "every parameter at this many bits, block scales included; what a scheme leaves in 16 bits is not told apart"
        : tensorParallel > 1
          ? "tensors cut by heads, rows and columns as in Megatron-LM (Shoeybi et al. 2019), norms and convolutions repeated"
          : "parameters as the reference implementation builds them",
      alive: always([[times(count, "parameters"), times(bytesOf(precision), `B ${precision}`)]]),
    }),
  );
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
