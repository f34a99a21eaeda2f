import { bytesOf } from "../../dtype.ts";
import { InputError } from "../../errors.ts";
import type { Model } from "../../model.ts";
import { type Product, times } from "../../quantity/product.ts";
import { isWhole } from "../../quantization/stored.ts";
import type { Module } from "../../tree/module.ts";
import { elementsPerRank } from "../../tree/tensor.ts";
import { walk } from "../../tree/walk.ts";
import type { Amount, Engine, LinePlan, Phase, Setup } from "../engine.ts";
import { imageInput } from "../transformers/images.ts";
import { audioInput } from "../transformers/inputs.ts";
import { overheadLines } from "../transformers/overhead.ts";
import { weightLines } from "../weights.ts";
import { gradientMoments } from "./gradients.ts";
import { type Learned, learned, OPTIMIZER_SOURCES, stateBytes } from "./learned.ts";
import { activationLines, keptTowers } from "./lines.ts";
import { settleTraining, type Training, type TrainingOptions } from "./options.ts";

const RUNNING: readonly Phase[] = ["forward", "backward"];
const PHASES: readonly Phase[] = ["load", ...RUNNING];
const ZERO = "ZeRO (Rajbhandari et al. 2020, section 5)";

/** Ops whose tensors for the way back are described. */
const DESCRIBED: ReadonlySet<string> = new Set([
  "embedding",
  "norm",
  "linear",
  "attention",
  "feed-forward",
  "experts",
  "layer",
  "projector",
  "merge",
  "head",
  "tower",
]);

/**
 * Training under PyTorch. Forward: weights, the optimiser's states and what the way back needs, to the loss. Backward: all
 * gradients beside weights and states. An engine made for one way of training.
 */
export function trainingEngine(options: TrainingOptions): Engine {
  const training = settleTraining(options);
  return {
    name: "training",
    summary: "what PyTorch holds while a model learns: weights, gradients, optimiser, activations",
    oneWindow: true,
    refuses: ({ root }) => undescribed(root),
    unpacksGguf: true,
    phases: () => PHASES,
    plan: (model, setup) => planOf(model, setup, training),
  };
}

function undescribed(root: Module): string | undefined {
  let found: string | undefined;
  walk(root, ({ op }) => {
    if (op && !DESCRIBED.has(op.kind)) found ??= op.kind;
  });
  return found && `what its ${found} keeps for the way back is not described`;
}

function planOf(model: Model, setup: Setup, training: Training): LinePlan[] {
  const full = training.method === "full";
  if (full && (setup.quantization !== undefined || !isWhole(setup.precision))) {
    throw new InputError(
      "inconsistent",
      `Weights in ${setup.precision} do not learn: train adapters beside them (--method lora), or take --precision bf16.`,
      "method",
    );
  }
  const tensors = learned(model.root, training, setup);
  const count = sum(tensors, ({ elements }) => elements);
  const { stage, ranks, optimizer } = training;
  const size = full ? bytesOf(setup.compute) : 4;
  const lines = weightLines(model, setup, PHASES).map((line) =>
    stage === 3 ? divided(line, ranks) : line,
  );
  const held = (
    about: Pick<LinePlan, "label" | "component" | "kind" | "source">,
    products: readonly Product[],
    phases: readonly Phase[] = RUNNING,
  ): void => {
    const amount: Amount = { sum: products };
    lines.push({
      ...about,
      basis: "rule",
      alive: Object.fromEntries(phases.map((phase) => [phase, amount])),
    });
  };
  const share = (total: number, from: 1 | 2 | 3, unit: string): Product =>
    stage >= from && ranks > 1
      ? [times(Math.ceil(total / ranks), `${unit}, one of ${ranks} shards`)]
      : [times(Math.ceil(total), unit)];
  if (!full) {
    held(
      {
        label: "adapters",
        component: "lora",
        kind: "weights",
        source:
          "PEFT: A [rank, inputs] and B [outputs, rank] of every targeted layer, in fp32 (autocast_adapter_dtype)",
      },
      [[...share(count, 3, "parameters"), times(4, "B fp32")]],
      PHASES,
    );
  }
  const towers = keptTowers(model, setup, training);
  const gradients = (n: number): Product => [...share(n, 2, "parameters"), times(size, "B each")];
  const layer = largestLayer(model.root, setup);
  lines.push({
    label: "gradients",
    component: full ? "runtime" : "lora",
    kind: "state",
    basis: "rule",
    source: `one for every parameter that learns, in its dtype, from its layer's way back to the step (over steps that accumulate them: all the time), beside what is not yet on its way back; divided from ${ZERO} stage 2 on`,
    alive: {
      ...(training.accumulation > 1 && { forward: { sum: [gradients(count)] } }),
      backward: {
        peakOf: gradientMoments({ model, setup, training, tensors, towers, layer, gradients }),
      },
    },
  });
  if (full && size < 4 && training.masterWeights) {
    held(
      {
        label: "fp32 master weights",
        component: "runtime",
        kind: "state",
        source:
          "mixed precision: the optimiser works on fp32 copies (Micikevicius et al. 2018; ZeRO counts 4 B); --no-master-weights",
      },
      [[...share(count, 1, "parameters"), times(4, "B fp32")]],
    );
  }
  const held32 = !full || training.masterWeights ? 4 : size;
  const states = sum(tensors, (tensor) => stateBytes(optimizer, tensor, held32));
  if (states > 0) {
    held(
      {
        label: `${optimizer} states`,
        component: full ? "runtime" : "lora",
        kind: "state",
        source: `${OPTIMIZER_SOURCES[optimizer]}; divided from ${ZERO} stage 1 on`,
      },
      [share(states, 1, "B")],
    );
  }
  if (stage === 3) {
    held(
      {
        label: "gathered layer",
        component: "runtime",
        kind: "weights",
        source: "ZeRO stage 3 and FSDP gather one layer's weights whole while it runs",
      },
      [[times(layer, "parameters"), times(bytesOf(setup.compute), "B each")]],
    );
  }
  if (model.audio) lines.push(audioInput(model, setup, RUNNING));
  if (model.vision) lines.push(imageInput(model, setup, RUNNING));
  lines.push(
    ...activationLines(model, setup, training, towers),
    ...overheadLines(model, setup, PHASES),
  );
  return lines;
}

const sum = (tensors: readonly Learned[], of: (tensor: Learned) => number): number =>
  tensors.reduce((total, tensor) => total + tensor.copies * of(tensor), 0);

/** A line of weights over data-parallel ranks: its bytes, one of so many shards. */
function divided(line: LinePlan, ranks: number): LinePlan {
  const alive = Object.entries(line.alive).map(([phase, amount]) => {
    const products = "sum" in amount ? amount.sum : [];
    const total = products.reduce(
      (all, product) => all + product.reduce((n, { of }) => n * Number(of), 1),
      0,
    );
    return [phase, { sum: [[times(Math.ceil(total / ranks), `B, one of ${ranks} shards`)]] }];
  });
  return { ...line, basis: "rule", alive: Object.fromEntries(alive) };
}

function largestLayer(root: Module, { tensorParallel }: Setup): number {
  let most = 0;
  walk(root, (module) => {
    if (module.op?.kind !== "layer") return;
    let own = 0;
    walk({ ...module, indices: [[0, 0]] }, ({ tensors }, { copies }) => {
      for (const tensor of tensors)
        if (tensor.tiedTo === undefined) own += copies * elementsPerRank(tensor, tensorParallel);
    });
    most = Math.max(most, own);
  });
  return most;
}
