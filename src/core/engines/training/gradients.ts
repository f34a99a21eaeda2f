import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import { type Product, times } from "../../quantity/product.ts";
import type { HeldBuffer, Moment, Setup } from "../engine.ts";
import type { Learned } from "./learned.ts";
import type { KeptTower } from "./lines.ts";
import { headOf } from "./lines.ts";
import type { Training } from "./options.ts";

interface Backward {
  readonly model: Model;
  readonly setup: Setup;
  readonly training: Training;
  readonly tensors: readonly Learned[];
  readonly towers: readonly KeptTower[];
  /** Parameters of the largest layer. */
  readonly layer: number;
  /** A number of gradients as one rank holds them. */
  readonly gradients: (count: number) => Product;
}

/**
 * The moments of the way back at which most is held: at its end, with all gradients; where it reaches an encoder, which then
 * still keeps everything; and with checkpointing while a layer runs again.
 */
export function gradientMoments(of: Backward): Moment[] {
  const { tensors, towers, training, layer } = of;
  const encoders = towers.filter(({ tower }) => tower.op.side === "encoder");
  const early = new Set(encoders.map(({ tower }) => tower.component));
  const count = (test: (tensor: Learned) => boolean): number =>
    tensors.filter(test).reduce((sum, { copies, elements }) => sum + copies * elements, 0);
  const total = count(() => true);
  const behind = count(({ component }) => component === undefined || !early.has(component));
  const made = (n: number): HeldBuffer => ({
    label: "gradients",
    size: of.gradients(Math.max(0, n)),
  });
  const waiting = encoders.flatMap(({ tower, all }) =>
    all.map((size) => ({ label: `${tower.component} activations`, size })),
  );
  const table = secondTable(of);
  const decodes = towers.length > encoders.length;
  const reached = waiting.length > 0 && decodes;
  const moments: Moment[] = [
    { at: "end", buffers: [made(total), ...(reached ? [] : table)] },
    ...(reached ? [{ at: "encoder reached", buffers: [made(behind), ...table, ...waiting] }] : []),
  ];
  if (!training.gradientCheckpointing) return moments;
  const full = training.method === "full";
  const own = full ? layer : 0;
  const embedded =
    full && !isTied(of.model) ? count(({ component }) => component === "embeddings") : 0;
  for (const { tower, layer: again } of towers) {
    const encoder = tower.op.side === "encoder";
    const before = encoder ? total - own : behind - own - embedded;
    const run = again.map((size) => ({ label: `${tower.component}: one layer, run again`, size }));
    moments.push({
      at: "layer run again",
      buffers: [made(before), ...run, ...(encoder ? [] : waiting)],
    });
  }
  for (const { tower, front } of towers) {
    if (front.length === 0) continue;
    const run = front.map((size) => ({
      label: `${tower.component}: first convolution, run again`,
      size,
    }));
    moments.push({ at: "front end run again", buffers: [made(total), ...run] });
  }
  return moments;
}

const isTied = ({ root }: Model): boolean =>
  headOf(root)?.module.tensors.some(({ tiedTo }) => tiedTo !== undefined) ?? false;

/** A shared table gets two gradients: the head's waits for the embedding's (torch/csrc/autograd/input_buffer.cpp). */
function secondTable({ model, setup, training }: Backward): HeldBuffer[] {
  const head = headOf(model.root);
  const weight = head?.module.tensors.find(({ name }) => name === "weight");
  if (training.method !== "full" || weight?.tiedTo === undefined) return [];
  const [rows = 0, columns = 0] = weight.shape;
  const cut = weight.cut ? setup.tensorParallel : 1;
  const size = [
    times(Math.ceil((rows * columns) / cut), "parameters"),
    times(bytesOf(setup.compute), "B each"),
  ];
  return [{ label: "second gradient of the shared table", size }];
}
