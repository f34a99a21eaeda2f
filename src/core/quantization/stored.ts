import { bytesOf, type Dtype } from "../dtype.ts";
import { countOf, printIndices } from "../tree/indices.ts";
import type { Component, Module } from "../tree/module.ts";
import type { AttentionOp, Op } from "../tree/op.ts";
import { elements, elementsPerRank, type Tensor } from "../tree/tensor.ts";
import { type Copy, copiesOf, layersOf, type Segment } from "./copies.ts";
import { matrixOf } from "./matrix.ts";
import { type Format, type Part, part, type Role, type Scheme, type Weight } from "./scheme.ts";

/** What decides how a tree is stored. */
export interface Storage {
  readonly quantization?: Scheme;
  readonly precision: Dtype;
  readonly compute: Dtype;
  readonly tensorParallel: number;
}

/** A tensor as it is stored: `copies` times these parts on one rank. */
export interface StoredTensor {
  readonly component: Component;
  readonly copies: number;
  /** Elements of one copy on one rank. */
  readonly elements: number;
  readonly quantised: boolean;
  readonly parts: readonly Part[];
}

/** Dtypes that a whole model is kept in without codes and scales. */
const WHOLE: ReadonlySet<Dtype> = new Set(["fp64", "fp32", "tf32", "fp16", "bf16"] as const);
export const isWhole = (dtype: Dtype): boolean => WHOLE.has(dtype);

/** Dtype of what a scheme does not quantise. */
export const restDtype = ({ precision, compute }: Pick<Storage, "precision" | "compute">): Dtype =>
  isWhole(precision) ? precision : compute;

/**
 * Every tensor as it is stored on the fullest rank; tied ones take nothing.
 * @param serves a serving engine: towers that it runs as the reference built them stay as they are.
 */
export function storedTensors(
  root: Module,
  storage: Storage,
  serves = false,
): readonly StoredTensor[] {
  const out: StoredTensor[] = [];
  const { quantization } = storage;
  const holder = { rest: restDtype(storage), serves };
  const { experts, shared } = quantization ? wholeOf(root) : NOTHING;

  const visit = (module: Module, above: Above): void => {
    const here = inside(module, above, serves);
    for (const tensor of module.tensors) {
      if (tensor.tiedTo !== undefined) continue;
      const { component } = here;
      if (component === undefined)
        throw new Error(`${module.class} has parameters but no component`);
      const add = (copies: number, format: Format | undefined): void => {
        out.push({
          component,
          copies,
          elements: elementsPerRank(tensor, storage.tensorParallel),
          quantised: format !== undefined && !format.plain,
          parts: format
            ? format.parts(matrixOf(tensor, storage.tensorParallel), holder)
            : [plainPart(tensor, storage)],
        });
      };
      const held = here.whole
        ? undefined
        : quantization?.stored?.(patternOf(here.segments, tensor));
      if (held) {
        let left = here.copies;
        for (const { copies, parts, packed } of held) {
          // A server makes room for numbers in the model's dtype, whatever the file has them in.
          if (serves && !packed) continue;
          left -= copies;
          const one = elementsPerRank(tensor, storage.tensorParallel);
          const share = one / elements(tensor.shape);
          out.push({
            component,
            copies,
            elements: one,
            quantised: packed,
            parts: parts.map(({ what, count, size, unit }) =>
              part(what, Math.ceil(count * share), size, unit),
            ),
          });
        }
        if (left > 0) add(left, undefined);
        continue;
      }
      if (!quantization || here.whole || tensor.dtype !== undefined) {
        add(here.copies, undefined);
        continue;
      }
      const weight = {
        role: roleOf(module, tensor, above),
        tied: shared.has([...here.segments, tensor.name].join(".")),
        component,
        shape: tensor.shape,
        layers: here.layers,
        attention: here.attention,
        experts,
      };
      for (const [format, copies] of formats(quantization, weight, tensor, here.segments))
        add(copies, format);
    }
    for (const child of module.children)
      visit(child, { ...here, layers: here.inStack ? here.layers : layersOf(module, child) });
  };
  visit(root, {
    component: undefined,
    copies: 1,
    segments: [],
    op: undefined,
    router: false,
    whole: false,
    attention: undefined,
    layers: 1,
    inStack: false,
  });
  return out;
}

const patternOf = (segments: readonly Segment[], { name }: Tensor): string =>
  [...segments.map((one) => (typeof one === "string" ? one : printIndices(one))), name].join(".");

interface Above {
  readonly component: Component | undefined;
  readonly copies: number;
  readonly segments: readonly Segment[];
  readonly op: Op | undefined;
  /** Inside a module that picks experts. */
  readonly router: boolean;
  readonly whole: boolean;
  readonly attention: AttentionOp | undefined;
  readonly layers: number;
  readonly inStack: boolean;
}

function inside(module: Module, above: Above, serves: boolean): Above {
  const { op, indices, name } = module;
  return {
    component: module.component ?? above.component,
    copies: above.copies * (indices ? countOf(indices) : 1),
    segments: [...above.segments, ...(name === "" ? [] : [name]), ...(indices ? [indices] : [])],
    op,
    router: above.router || module.class.endsWith("Router"),
    whole: above.whole || (serves && op?.kind === "tower" && op.servedWhole === true),
    attention: op?.kind === "attention" ? op : above.attention,
    layers: above.layers,
    inStack: above.inStack || indices !== undefined,
  };
}

/** How many copies are stored in each format. */
function formats(
  scheme: Scheme,
  weight: Omit<Weight, "name" | "layer">,
  tensor: Tensor,
  segments: readonly Segment[],
): Map<Format | undefined, number> {
  const found = new Map<Format | undefined, number>();
  const suffix = weight.role === "experts" ? `.0.${tensor.name.replace("gate_up_", "gate_")}` : "";
  const at = ({ name, layer }: Copy): Weight => ({ ...weight, name: name + suffix, layer });
  const [any] = copiesOf(segments, false);
  const apart = any !== undefined && scheme.differs(at(any));
  for (const copy of copiesOf(segments, apart)) {
    const format = scheme.formatOf(at(copy));
    found.set(format, (found.get(format) ?? 0) + copy.copies);
  }
  return found;
}

function plainPart(tensor: Tensor, storage: Storage): Part {
  const { precision, quantization, tensorParallel } = storage;
  const rest = quantization ? restDtype(storage) : precision;
  const kept = tensor.dtype ?? tensor.dtypeFor?.[rest];
  const dtype = kept !== undefined && isWhole(rest) ? kept : rest;
  return part("parameters", elementsPerRank(tensor, tensorParallel), bytesOf(dtype), dtype);
}

/** Matrices of all experts in one tensor: by [experts, …], or stacked as rows (DBRX). */
const EXPERT_MATRIX = { 3: /^(gate_up|gate|up|down)_proj$/, 2: /^(w1|v1|w2)$/ } as const;

function roleOf(module: Module, { name, shape }: Tensor, above: Above): Role {
  const { op } = module;
  const mixed = above.op?.kind === "experts";
  if (shape.length === 3)
    return (mixed || op?.kind === "experts") && EXPERT_MATRIX[3].test(name) ? "experts" : "other";
  if (shape.length !== 2) return "other";
  if (mixed && EXPERT_MATRIX[2].test(name)) return "experts";
  if (name !== "weight") return "other";
  if (op?.kind === "linear") return mixed || above.router ? "router" : "linear";
  if (op?.kind === "head") return "head";
  return op?.kind === "embedding" ? "embedding" : "other";
}

const NOTHING: Whole = { experts: 1, shared: new Set() };
interface Whole {
  /** Experts of the largest mixture. */
  readonly experts: number;
  /** Names of the tensors that a head shares. */
  readonly shared: ReadonlySet<string>;
}

function wholeOf(root: Module): Whole {
  let experts = 1;
  const shared = new Set<string>();
  const visit = ({ op, tensors, children }: Module): void => {
    if (op?.kind === "experts") experts = Math.max(experts, op.experts);
    if (op?.kind === "head")
      for (const { tiedTo } of tensors) if (tiedTo !== undefined) shared.add(tiedTo);
    children.forEach(visit);
  };
  visit(root);
  return { experts, shared };
}

/** What each component stores, parts of one kind added up, in the order of the tree. */
export function partsByComponent(
  tensors: readonly StoredTensor[],
): ReadonlyMap<Component, readonly Part[]> {
  const out = new Map<Component, Map<string, Part>>();
  for (const { component, copies, parts } of tensors) {
    const own = out.get(component) ?? new Map<string, Part>();
    out.set(component, own);
    for (const { what, count, size, unit } of parts) {
      const key = `${what} ${size} ${unit}`;
      own.set(key, part(what, (own.get(key)?.count ?? 0) + count * copies, size, unit));
    }
  }
  return new Map([...out].map(([component, parts]) => [component, [...parts.values()]]));
}

/** Bytes on the fullest rank. */
export function storedBytes(tensors: readonly StoredTensor[]): number {
  let sum = 0;
  for (const { copies, parts } of tensors)
    for (const { count, size } of parts) sum += copies * count * size;
  return sum;
}

/** How many of a tree's parameters a scheme quantises, and how many it leaves. */
export function quantisedCount(root: Module, storage: Storage, serves = false) {
  let quantised = 0;
  let rest = 0;
  for (const tensor of storedTensors(root, { ...storage, tensorParallel: 1 }, serves)) {
    if (tensor.quantised) quantised += tensor.copies * tensor.elements;
    else rest += tensor.copies * tensor.elements;
  }
  return { quantised, rest };
}
