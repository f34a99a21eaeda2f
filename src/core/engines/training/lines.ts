import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import { type Product, times } from "../../quantity/product.ts";
import type { Module } from "../../tree/module.ts";
import type { HeadOp } from "../../tree/op.ts";
import { walk } from "../../tree/walk.ts";
import type { LinePlan, Moment, Setup } from "../engine.ts";
import { type Tower, towersOf } from "../transformers/tower.ts";
import { type TowerKept, towerKept } from "./activations.ts";
import type { Learning } from "./kept.ts";
import { isTargeted } from "./learned.ts";
import type { Training } from "./options.ts";

const MEASURED = "measured tensor by tensor (docs/answers.md, validation/training.py)";

/** A tower that a gradient flows through, and what it keeps. */
export interface KeptTower extends TowerKept {
  readonly tower: Tower;
}

export function keptTowers(model: Model, setup: Setup, training: Training): KeptTower[] {
  const learning: Learning = {
    size: bytesOf(setup.compute),
    ranks: setup.tensorParallel,
    eager: setup.attention === "eager",
    full: training.method === "full",
    rank: (linear) => (isTargeted(linear, training) ? training.loraRank : undefined),
  };
  const towers = towersOf(model.root);
  return towers
    .filter((tower, i) => reached(towers.slice(0, i + 1), tower, learning))
    .map((tower) => ({
      tower,
      ...towerKept(tower, learning, training.gradientCheckpointing),
    }));
}

/** What the way back needs, and what is there for a moment at its start. */
export function activationLines(
  model: Model,
  setup: Setup,
  { gradientCheckpointing: checkpointing }: Training,
  kept: readonly KeptTower[],
): LinePlan[] {
  const lines: LinePlan[] = kept.map(({ tower, all }) => ({
    label: checkpointing ? "activations, checkpointed" : "activations",
    component: tower.component,
    kind: "activation",
    basis: "rule",
    source: checkpointing
      ? `inputs of all layers (Chen et al. 2016); ${MEASURED}`
      : `tensors that autograd saves, brick by brick (engines/training/kept.ts); ${MEASURED}`,
    alive: { forward: { sum: all } },
  }));
  const again: Moment[] = checkpointing
    ? kept.map(({ tower, layer }) => ({
        at: tower.component,
        buffers: layer.map((size) => ({ label: "one layer, run again", size })),
      }))
    : [];
  const head = headOf(model.root);
  const start = [...(head ? [lossMoment(head.op, model, setup)] : []), ...again];
  if (start.length > 0) {
    lines.push({
      label: checkpointing ? "loss, or one layer run again" : "loss and its way back",
      component: "lm_head",
      kind: "activation",
      basis: "rule",
      source: `log-softmax, its gradient and that of the logits, at every position; ${MEASURED}`,
      alive: {
        forward: { peakOf: start },
        ...(again.length > 0 && { backward: { peakOf: again } }),
      },
    });
  }
  return lines;
}

/** Whether a gradient flows through a tower: something learns in it or before it. */
const reached = (upTo: readonly Tower[], tower: Tower, { full, rank }: Learning): boolean =>
  full ||
  upTo.some(({ module, op }) => {
    if (module !== tower.module && op.side === "decoder") return false;
    let found = false;
    walk(module, (each) => {
      found ||= rank(each) !== undefined;
    });
    return found;
  });

export function headOf(root: Module): { module: Module; op: HeadOp } | undefined {
  let found: { module: Module; op: HeadOp } | undefined;
  walk(root, (module) => {
    if (module.op?.kind === "head") found ??= { module, op: module.op };
  });
  return found;
}

/** The loss's way back starts with three tensors of the logits' size: log-softmax, its gradient, and theirs. */
function lossMoment(op: HeadOp, model: Model, setup: Setup): Moment {
  const upcast = (op.loss ?? (op.positions === "last" ? "fp32" : "model")) === "fp32";
  const decodes = towersOf(model.root).some(({ op: tower }) => tower.side === "decoder");
  const positions: Product = decodes
    ? [times("context", "tokens")]
    : [times("windows", "windows"), times("positions", "positions")];
  const all: Product = [times("batch", "sequences"), ...positions, times(op.vocab, "vocabulary")];
  const size = [...all, times(upcast ? 4 : bytesOf(setup.compute), "B")];
  const logits = [...all, times(bytesOf(setup.compute), "B")];
  return {
    at: "loss",
    buffers: [
      ...["log-softmax", "its gradient", "the logits' gradient"].map((label) => ({ label, size })),
      ...(op.capped ? [{ label: "capped logits", size: logits }] : []),
    ],
  };
}
