import type { Module } from "../tree/module.ts";
import { elements } from "../tree/tensor.ts";
import { joined, walk } from "../tree/walk.ts";
import type { StoredTensor } from "./checkpoint.ts";

/** A tensor of the tree under the name of one of its copies, and what the checkpoint holds for it. */
export interface Slot {
  readonly name: string;
  /** Its name with the positions of its stack: "layers.{0-31}.fc1.weight". */
  readonly pattern: string;
  readonly shape: readonly number[];
  /** Whether a checkpoint has to have it: one that shares another's storage or is a buffer may be left out. */
  readonly required: boolean;
  readonly tiedTo?: string | undefined;
  filled: boolean;
  /** Tensors of the checkpoint that stand for it: one, packed ones with their scales, or one of each expert. */
  readonly by: StoredTensor[];
}

export interface Match {
  readonly slots: readonly Slot[];
  /** In both with the same elements; experts one by one count each. */
  readonly verified: number;
  readonly quantised: number;
  /** In both, with different shapes. */
  readonly different: readonly (readonly [slot: Slot, tensor: StoredTensor])[];
  /** In the checkpoint only. */
  readonly unexpected: readonly StoredTensor[];
}

/** Finds each tensor of a checkpoint in a tree, by name first and then by what names are known to change. */
export function matchCheckpoint(root: Module, stored: readonly StoredTensor[]): Match {
  const slots = slotsOf(root);
  const different: [Slot, StoredTensor][] = [];
  let verified = 0;
  let quantised = 0;
  let left = stored;
  for (const key of SPELLINGS) {
    const open = unique(
      slots.filter(({ filled }) => !filled),
      (slot) => key(slot.name),
    );
    const candidates = unique(left, (tensor) => key(tensor.name));
    const next: StoredTensor[] = [];
    for (const tensor of left) {
      const spelled = key(tensor.name);
      const slot = candidates.get(spelled) === tensor ? open.get(spelled) : undefined;
      if (!slot) {
        next.push(tensor);
        continue;
      }
      slot.filled = true;
      slot.by.push(tensor);
      if (sameShape(slot.shape, tensor.shape)) verified += 1;
      else if (isPacked(tensor)) quantised += 1;
      else different.push([slot, tensor]);
    }
    left = next;
  }
  const [afterExperts, fused] = fusedExperts(slots, left);
  verified += fused;
  const [unexpected, packed] = packedWeights(slots, afterExperts);
  quantised += packed;
  fillOwners(slots);
  return { slots, verified, quantised, different, unexpected };
}

function slotsOf(root: Module): Slot[] {
  const slots: Slot[] = [];
  walk(root, (module, place) => {
    if (module.tensors.length === 0 && !module.buffers) return;
    const path = place.path();
    const paths = expand(path);
    const owned = [
      ...module.tensors.map(({ name, shape, tiedTo }) => ({
        name,
        shape,
        tiedTo,
        required: tiedTo === undefined,
      })),
      ...(module.buffers ?? []).map(({ name, shape }) => ({
        name,
        shape,
        required: false,
        tiedTo: undefined,
      })),
    ];
    for (const copy of paths)
      for (const one of owned)
        slots.push({
          ...one,
          name: joined(copy, one.name),
          pattern: joined(path, one.name),
          filled: false,
          by: [],
        });
  });
  return slots;
}

/** `layers.{0-1,4}.fc` as `layers.0.fc`, `layers.1.fc`, `layers.4.fc`. */
function expand(pattern: string): readonly string[] {
  const [, before, ranges, after] = /^(.*?)\{([^}]*)\}(.*)$/.exec(pattern) ?? [];
  if (before === undefined || ranges === undefined || after === undefined) return [pattern];
  const rest = expand(after);
  return ranges.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => `${before}${first + i}`).flatMap(
      (start) => rest.map((end) => start + end),
    );
  });
}

/** Modules that only contain: transformers 5 moved and renamed them, and base models are saved without them. */
const CONTAINERS = new Set(["model", "language_model", "thinker", "transformer", "base_model"]);

/**
 * Spellings of a tensor's name, the strictest first: as it is; without `model`; without any container and with the
 * present names of normalised layers' and weight norm's tensors.
 */
const SPELLINGS: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => without(name, (segment) => segment === "model"),
  (name) =>
    without(name, (segment) => CONTAINERS.has(segment))
      .replace(/\.weight_g$/, ".parametrizations.weight.original0")
      .replace(/\.weight_v$/, ".parametrizations.weight.original1")
      .replace(/\.gamma$/, ".weight")
      .replace(/\.beta$/, ".bias"),
];

const without = (name: string, drop: (segment: string) => boolean): string =>
  name
    .split(".")
    .filter((segment) => !drop(segment))
    .join(".");

/** By key; what shares its key with another one is left out, since either could be meant. */
function unique<T>(list: readonly T[], key: (one: T) => string): Map<string, T> {
  const found = new Map<string, T>();
  const twice = new Set<string>();
  for (const one of list) {
    const spelled = key(one);
    if (found.has(spelled)) twice.add(spelled);
    found.set(spelled, one);
  }
  for (const spelled of twice) found.delete(spelled);
  return found;
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, index) => size === b[index]);

const WIDE = new Set(["F64", "F32", "F16", "BF16"]);
/** Stored as codes, not as numbers that a dtype can be read from. */
export const isPacked = ({ dtype }: StoredTensor): boolean => !WIDE.has(dtype);

const looseKey = (name: string): string => without(name, (segment) => CONTAINERS.has(segment));

const EXPERT = /^(.*\.experts)\.(?:\d+\.)?(gate_proj|up_proj|down_proj|w1|w2|w3)(?:\.weight)?$/;
const FUSED: readonly (readonly [fused: string, parts: readonly string[]])[] = [
  ["gate_up_proj", ["gate_proj", "up_proj", "w1", "w3"]],
  ["down_proj", ["down_proj", "w2"]],
];

/** Experts that a checkpoint holds one by one and the tree in one tensor: alike where their elements add up. */
function fusedExperts(
  slots: readonly Slot[],
  left: readonly StoredTensor[],
): readonly [left: readonly StoredTensor[], matched: number] {
  const byPart = new Map<string, StoredTensor[]>();
  for (const tensor of left) {
    const [, experts, part] = EXPERT.exec(looseKey(tensor.name)) ?? [];
    if (experts === undefined || part === undefined) continue;
    const list = byPart.get(`${experts}.${part}`);
    if (list) list.push(tensor);
    else byPart.set(`${experts}.${part}`, [tensor]);
  }
  const used = new Set<StoredTensor>();
  for (const slot of slots) {
    if (slot.filled) continue;
    const key = looseKey(slot.name);
    for (const [fused, parts] of FUSED) {
      if (!key.endsWith(`.experts.${fused}`)) continue;
      const stem = key.slice(0, -fused.length);
      const found = parts.flatMap((part) => byPart.get(stem + part) ?? []);
      const total = found.reduce((sum, { shape }) => sum + elements(shape), 0);
      if (total !== elements(slot.shape)) continue;
      slot.filled = true;
      for (const tensor of found) {
        used.add(tensor);
        slot.by.push(tensor);
      }
    }
  }
  return [left.filter((tensor) => !used.has(tensor)), used.size];
}

const PACKED =
  /^(q?weight|qzeros|scales|g_idx|weight_.+|weight\..+|(input|output|k|v|q)_(scale|zero_point).*|.+_(blocks|scales)|SCB)$/;

/** What stands in the place of a weight in a quantised checkpoint: packed values, scales, zero points, indices. */
function packedWeights(
  slots: readonly Slot[],
  left: readonly StoredTensor[],
): readonly [left: readonly StoredTensor[], matched: number] {
  const weights = new Map<string, Slot>();
  for (const slot of slots) weights.set(looseKey(slot.name), slot);
  const rest: StoredTensor[] = [];
  for (const tensor of left) {
    const slot = weightOf(looseKey(tensor.name), weights);
    if (slot) {
      slot.filled = true;
      slot.by.push(tensor);
    } else rest.push(tensor);
  }
  return [rest, left.length - rest.length];
}

function weightOf(key: string, weights: ReadonlyMap<string, Slot>): Slot | undefined {
  const segments = key.split(".");
  for (const depth of [1, 2, 3]) {
    const own = segments.slice(-depth).join(".");
    if (!PACKED.test(own)) continue;
    const stem = segments.slice(0, -depth).join(".");
    const slot =
      weights.get(`${stem}.weight`) ??
      weights.get(key.replace(/_(blocks|scales)$/, "")) ??
      weights.get(fusedOf(stem));
    if (slot) return slot;
  }
  return undefined;
}

/** The tree's name of the tensor that holds an expert's projection together with all others. */
function fusedOf(stem: string): string {
  const [, experts, part = ""] = EXPERT.exec(stem) ?? [];
  const [fused] = FUSED.find(([, parts]) => parts.includes(part)) ?? [];
  return experts === undefined || fused === undefined ? "" : `${experts}.${fused}`;
}

/** A checkpoint may hold shared storage under either of its names. */
function fillOwners(slots: readonly Slot[]): void {
  const owners = new Set(slots.flatMap(({ filled, tiedTo }) => (filled && tiedTo ? [tiedTo] : [])));
  if (owners.size > 0) for (const slot of slots) if (owners.has(slot.name)) slot.filled = true;
}
