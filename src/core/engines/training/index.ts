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
import { findOp, towersOf } from "../transformers/tower.ts";
import { weightLines } from "../weights.ts";
import { keptBytes } from "./activations.ts";
import { type Learned, learned, OPTIMIZER_SOURCES, stateBytes } from "./learned.ts";
import { settleTraining, type Training, type TrainingOptions } from "./options.ts";

const PHASES: readonly Phase[] = ["load", "all"];
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
 * Training under PyTorch: weights, gradients, the optimiser's states and what the way back needs, all at once at the end of
 * the way there. An engine made for one way of training.
 */
export function trainingEngine(options: TrainingOptions): Engine {
  const training = settleTraining(options);
  return {
    name: "training",
    summary: "what PyTorch holds while a model learns: weights, gradients, optimiser, activations",
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
    phases: readonly Phase[] = ["all"],
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
  held(
    {
      label: "gradients",
      component: full ? "runtime" : "lora",
      kind: "state",
      source: `one for every parameter that learns, in its dtype; divided from ${ZERO} stage 2 on`,
    },
    [[...share(count, 2, "parameters"), times(size, "B each")]],
  );
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
  const states = sum(tensors, (tensor) => stateBytes(optimizer, tensor));
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
      [
        [
          times(largestLayer(model.root, setup), "parameters"),
          times(bytesOf(setup.compute), "B each"),
        ],
      ],
    );
  }
  if (model.audio) lines.push(audioInput(model, setup, ["all"]));
  if (model.vision) lines.push(imageInput(model, setup, ["all"]));
  lines.push(...activationLines(model, setup, training), ...overheadLines(model, setup, PHASES));
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

function activationLines(model: Model, setup: Setup, training: Training): LinePlan[] {
  const { gradientCheckpointing } = training;
  const lines: LinePlan[] = towersOf(model.root).map((tower) => ({
    label: gradientCheckpointing ? "activations, checkpointed" : "activations",
    component: tower.component,
    kind: "activation",
    basis: "rule",
    source: `tensors kept for the way back, from the layers' widths (Korthikanti et al. 2022, section 4${gradientCheckpointing ? "; Chen et al. 2016: inputs of all layers, tensors of one" : ""})`,
    alive: { all: { sum: keptBytes(tower, setup, gradientCheckpointing) } },
  }));
  const head = findOp(model.root, "head");
  if (head) {
    lines.push({
      label: "logits, their fp32 copy and its gradient",
      component: "lm_head",
      kind: "activation",
      basis: "rule",
      source:
        "transformers, loss/loss_utils.py: logits.float() before the cross-entropy, at every position",
      alive: {
        all: {
          sum: [
            [
              times("batch", "sequences"),
              times("context", "tokens"),
              times(head.vocab, "vocabulary"),
              times(bytesOf(setup.compute) + 4 + 4, "B"),
            ],
          ],
        },
      },
    });
  }
  return lines;
}
