import { InputError } from "../../errors.ts";
import type { Model } from "../../model.ts";
import { printIndices, ranges } from "../../tree/indices.ts";
import type { Module } from "../../tree/module.ts";
import { layerStacks, shareOf, shareWeights } from "../../tree/share.ts";
import type { LinePlan, Setup, Stage } from "../engine.ts";
import { deviceMap, type Held, shareOn } from "./device-map.ts";
import { flows } from "./flow.ts";
import { headMoment } from "./head.ts";
import { attends, encoderOutput, phasesOf, planOf } from "./index.ts";
import { findOp, towersOf } from "./tower.ts";

/**
 * Devices that hold a model one after the other, as `device_map="auto"` divides it. Inputs and what `forward` returns lie on
 * the first device; hidden states and the encoder's output are copied to where they are needed.
 * @throws InputError where there is less to divide than devices.
 */
export function stages(model: Model, setup: Setup): readonly Stage[] {
  const { root } = model;
  const phases = phasesOf(towersOf(root));
  if (shareWeights(layerStacks(root))) {
    throw new InputError(
      "inconsistent",
      "--pipeline-parallel-size cannot divide this model, because its layers share weights: leave it out.",
      "pipelineParallelSize",
    );
  }
  const devices = deviceMap(root, setup, setup.pipelineParallel, setup.server.gpuMemory);
  if (devices.some(({ layers, modules }) => layers.size + modules.size === 0)) {
    throw new InputError(
      "inconsistent",
      `--pipeline-parallel-size is ${setup.pipelineParallel}, but device_map="auto" leaves some of these devices empty: use fewer.`,
      "pipelineParallelSize",
    );
  }
  return devices.map((device, at) => {
    const share = { ...model, root: shareOf(root, shareOn(device)) };
    const plan = planOf(share, setup, phases).filter(({ kind }) => at === 0 || kind !== "input");
    return {
      holds: named(root, device),
      plan: [...plan, ...(at === 0 ? returned(root, setup) : received(root, share.root, setup))],
    };
  });
}

/** The logits are copied to the device that the input came from (`io_same_device`). */
function returned(root: Module, setup: Setup): LinePlan[] {
  const head = findOp(root, "head");
  if (!head) return [];
  const flow = flows(setup);
  const logits = (phase: "prefill" | "decode") => ({
    sum: headMoment(head, 0, flow[phase], false).buffers.flatMap(({ label, size }) =>
      label === "logits" ? [size] : [],
    ),
  });
  return [
    {
      label: "logits from the last device",
      component: "lm_head",
      kind: "activation",
      basis: "rule",
      source:
        "accelerate, big_modeling.py: dispatch_model returns what forward returns to the input's device",
      alive: { prefill: logits("prefill"), decode: logits("decode") },
    },
  ];
}

/** The encoder's output on a device whose decoder layers attend to it although the encoder is elsewhere. */
function received(root: Module, share: Module, setup: Setup): LinePlan[] {
  const encoder = towersOf(root).find(({ op }) => op.side === "encoder");
  const here = towersOf(share);
  const decoder = here.find(({ op }) => op.side === "decoder");
  if (!encoder || !decoder || !attends(decoder)) return [];
  return here.some(({ op, module }) => op.side === "encoder" && layerStacks(module).length > 0)
    ? []
    : [encoderOutput(encoder, decoder, setup)];
}

/** "layers.{0-15}, embed_tokens" */
function named(root: Module, { layers, modules }: Held): string {
  const parts: string[] = [];
  const byName = new Map<string, number[]>();
  const visit = (module: Module, path: string): void => {
    const here = [path, module.name].filter((part) => part !== "").join(".");
    const own = layers.get(module);
    if (own) byName.set(here, [...(byName.get(here) ?? []), ...own]);
    else if (modules.has(module) && (module.op?.kind === "head" || module.op?.kind === "embedding"))
      parts.push(here);
    for (const child of module.children) visit(child, here);
  };
  visit(root, "");
  for (const [name, positions] of byName)
    parts.push(`${name}.${printIndices(ranges(positions.sort((a, b) => a - b)))}`);
  return parts.join(", ");
}
