import { type AttentionType, attentionType } from "./derive/attention-type.ts";
import { caches } from "./derive/caches.ts";
import { countParameters } from "./derive/parameters.ts";
import { type DescribeOptions, describe, isDescribed } from "./describe.ts";
import { bytesOf } from "./dtype.ts";
import type { Setup } from "./engines/engine.ts";
import { encoderKeysAndValues } from "./engines/generic.ts";
import { type EstimateOptions, estimate } from "./estimate.ts";
import type { Model, ModelType } from "./model.ts";
import { evaluate, type Product } from "./quantity/product.ts";
import { type SetupOptions, settleSetup } from "./setup.ts";
import type { Component } from "./tree/module.ts";
import { type Bytes, bytes } from "./units.ts";
import { axesOf, settleWorkload, type WorkloadOptions } from "./workload.ts";

/** A config as published, or a model that `describe` made of one. */
export type ConfigOrModel = unknown;
type Options = WorkloadOptions & SetupOptions & DescribeOptions;

const modelOf = (config: ConfigOrModel, options: DescribeOptions = {}): Model =>
  isDescribed(config) ? config : describe(config, options);

/**
 * A config in our own words, with the reference implementation's defaults filled in: the described model. Every other
 * function of this file takes the result in place of a config and then skips the reading.
 */
export const normalizeConfig = (config: unknown, options: DescribeOptions = {}): Model =>
  describe(config, options);

/** What kind of model a config stands for. */
export const detectModelType = (config: ConfigOrModel, options: DescribeOptions = {}): ModelType =>
  modelOf(config, options).type;

/** How the queries of the part that generates share keys and values. */
export const detectAttentionType = (
  config: ConfigOrModel,
  options: DescribeOptions = {},
): AttentionType => attentionType(modelOf(config, options).root);

const ENCODERS: readonly Component[] = [
  "audio_encoder",
  "vision_encoder",
  "encoder",
  "text_encoder",
];
const PROJECTORS: readonly Component[] = ["audio_projector", "vision_projector"];

/** Parameters of all encoders. */
export const calculateEncoderParams = (
  config: ConfigOrModel,
  options: DescribeOptions = {},
): number => parametersOf(config, options, (component) => ENCODERS.includes(component));

/** Parameters of everything that is neither encoder nor projector: decoder with cross-attention, embeddings, head. */
export const calculateDecoderParams = (
  config: ConfigOrModel,
  options: DescribeOptions = {},
): number =>
  parametersOf(
    config,
    options,
    (component) => !ENCODERS.includes(component) && !PROJECTORS.includes(component),
  );

/** Parameters between encoder and language model; 0 where there is no projector. */
export const calculateProjectorParams = (
  config: ConfigOrModel,
  options: DescribeOptions = {},
): number => parametersOf(config, options, (component) => PROJECTORS.includes(component));

function parametersOf(
  config: ConfigOrModel,
  options: DescribeOptions,
  keep: (component: Component) => boolean,
): number {
  const { components } = countParameters(modelOf(config, options).root);
  let sum = 0;
  for (const [component, count] of Object.entries(components))
    if (keep(component as Component)) sum += count;
  return sum;
}

/**
 * Keys and values of every encoder layer at once. No engine keeps these (they live for one layer at a time); the figure
 * is the engine-neutral one that other calculators call the encoder's KV cache.
 */
export function calculateEncoderKvCache(config: ConfigOrModel, options: Options = {}): Bytes {
  return settled(config, options, (model, setup) =>
    encoderKeysAndValues(model.root, setup).flatMap(({ sum }) => sum),
  );
}

/** Keys and values of the decoder's own past at full context, grouped heads and sliding windows respected. */
export function calculateDecoderKvCache(config: ConfigOrModel, options: Options = {}): Bytes {
  return cacheOf(config, options, "self");
}

/** Keys and values of the encoder's positions in every decoder layer; 0 for models without cross-attention. */
export function calculateCrossAttentionKvCache(
  config: ConfigOrModel,
  options: Options = {},
): Bytes {
  return cacheOf(config, options, "cross");
}

function cacheOf(config: ConfigOrModel, options: Options, kind: "self" | "cross"): Bytes {
  return settled(config, options, (model, setup) =>
    caches(model.root, setup.kvCache, setup.compute, setup.tensorParallel)
      .filter((cache) => cache.kind === kind)
      .flatMap((cache) => cache.size("context")),
  );
}

/** The mel input: bins × frames × windows × batch, in the dtype of the activations; 0 for models that do not hear. */
export function calculateAudioInputMemory(config: ConfigOrModel, options: Options = {}): Bytes {
  const model = modelOf(config, options);
  const setup = settleSetup(model, options);
  const { audio, batchSize } = settleWorkload(model, options);
  if (!audio || !model.audio) return bytes(0);
  return bytes(
    model.audio.bins *
      audio.windowFrames *
      audio.concurrentWindows *
      batchSize *
      bytesOf(setup.compute),
  );
}

/** The outputs of the convolutions in front of the encoder, all held together. */
export function calculateAudioConvMemory(config: ConfigOrModel, options: Options = {}): Bytes {
  const model = modelOf(config, options);
  const setup = settleSetup(model, options);
  const { audio, batchSize } = settleWorkload(model, options);
  if (!audio) return bytes(0);
  let perWindow = 0;
  const visit = (module: Model["root"]): void => {
    const entry = module.op?.kind === "tower" ? module.op.entry : undefined;
    if (entry) {
      let length = audio.windowPositions * entry.strides.reduce((a, b) => a * b, 1);
      for (const stride of entry.strides) {
        length /= stride;
        perWindow += entry.width * length;
      }
    }
    module.children.forEach(visit);
  };
  visit(model.root);
  return bytes(perWindow * audio.concurrentWindows * batchSize * bytesOf(setup.compute));
}

/** The most that temporary tensors take in any phase, by the rules of the engine. */
export const calculateActivationMemory = (
  config: ConfigOrModel,
  options: Options & EstimateOptions = {},
): Bytes => estimate(modelOf(config, options), options).activationMemoryBytes;

/** Weights and buffers on one rank. */
export const calculateModelWeights = (
  config: ConfigOrModel,
  options: Options & EstimateOptions = {},
): Bytes => estimate(modelOf(config, options), options).weightMemoryBytes;

function settled(
  config: ConfigOrModel,
  options: Options,
  formula: (model: Model, setup: Setup) => readonly Product[],
): Bytes {
  const model = modelOf(config, options);
  const setup = settleSetup(model, options);
  const values = axesOf(settleWorkload(model, options));
  let sum = 0;
  for (const product of formula(model, setup)) sum += evaluate(product, values);
  return bytes(sum);
}
