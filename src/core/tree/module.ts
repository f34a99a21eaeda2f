import type { Indices } from "./indices.ts";
import type { Op } from "./op.ts";
import type { State } from "./state.ts";
import type { DeviceBuffer, Tensor } from "./tensor.ts";

/** The parts of a model that people ask about. Every parameter belongs to exactly one. */
export const COMPONENTS = [
  "audio_encoder",
  "audio_projector",
  "vision_encoder",
  "vision_projector",
  "encoder",
  "text_encoder",
  "text_model",
  "decoder",
  "text_decoder",
  "depth_decoder",
  "embeddings",
  "lm_head",
  "talker",
  "code2wav",
  "codec",
  "vocoder",
  "t2u_model",
  "semantic",
  "coarse_acoustics",
  "fine_acoustics",
  "lora",
  /** A smaller model that writes ahead for this one. */
  "assistant",
  /** A model whose parts cannot be told apart. */
  "model",
] as const;
export type Component = (typeof COMPONENTS)[number];

/**
 * A module of a model, as plain data: what it is called in the reference implementation, which tensors it owns, what
 * it remembers and does, and its children in checkpoint order under checkpoint names. A stack of identical layers is
 * one module with `indices`; everything below it counts that many times.
 */
export interface Module {
  /** Class in the reference implementation ("WhisperEncoderLayer"). */
  readonly class: string;
  /** Path segment below the parent ("self_attn"); "" at the root; may hold dots where the reference nests plain containers. */
  readonly name: string;
  readonly indices?: Indices;
  /** Inherited by children that state none. */
  readonly component?: Component;
  readonly tensors: readonly Tensor[];
  readonly buffers?: readonly DeviceBuffer[];
  readonly op?: Op;
  readonly state?: State;
  readonly children: readonly Module[];
}

type Extra = Partial<
  Pick<Module, "indices" | "component" | "tensors" | "buffers" | "op" | "state">
>;

/** A module with children; `undefined` children (parts that a config leaves out) are dropped. */
export function module(
  className: string,
  name: string,
  children: readonly (Module | undefined)[],
  extra: Extra = {},
): Module {
  return {
    class: className,
    name,
    tensors: [],
    ...extra,
    children: children.filter((child) => child !== undefined),
  };
}

/** The same module as a stack over `indices`, or undefined where there are none. */
export function stack(indices: Indices, layer: Module): Module | undefined {
  return indices.length === 0 ? undefined : { ...layer, indices };
}

/**
 * The whole subtree as one part of a bigger model: counted under `component` whatever its modules say, and no tower of
 * its own (a talker's layers run after the language model's, in a pass that the engines do not walk).
 */
export function part(component: Component, whole: Module): Module {
  const { component: _, op, ...rest } = whole;
  return {
    ...rest,
    component,
    ...(op && op.kind !== "tower" && op.kind !== "head" && { op }),
    children: whole.children.map((child) => part(component, child)),
  };
}
