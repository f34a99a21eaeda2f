import { countParameters, deviceBuffers } from "../../derive/parameters.ts";
import { bytesOf, findDtype } from "../../dtype.ts";
import { InputError } from "../../errors.ts";
import type { Model } from "../../model.ts";
import { type StoredTensor, storedBytes, storedTensors } from "../../quantization/stored.ts";
import type { Module } from "../../tree/module.ts";
import { walk } from "../../tree/walk.ts";
import { bytes } from "../../units.ts";
import type { Setup } from "../engine.ts";
import { findOp, type Tower, towersOf } from "../transformers/tower.ts";
import { batchBufferBytes } from "./batch-buffers.ts";
import { audioProfile } from "./encoder-profile.ts";
import { dividedExperts } from "./experts.ts";
import { imageProfile, profiled } from "./image-profile.ts";
import { type BlockPool, blockPool, cacheSpecs } from "./kv-cache.ts";
import { loraSlotBytes } from "./lora.ts";
import { batchDefaults, cudaGraphBytes, nonTorchBytes, type Rules, rulesOf } from "./rules.ts";
import { type StageTree, stageTrees } from "./stages.ts";
import { servedTree } from "./tree.ts";

/** Everything that vLLM settles before the first request. Sizes in bytes on one device. */
export interface StartUp {
  readonly rules: Rules;
  /** Layers of the language model that this stage of a pipeline holds; undefined without a pipeline. */
  readonly layers: StageTree["layers"];
  /** What the stage before hands on: hidden states and residuals of a whole batch. */
  readonly handedOn: number;
  readonly tree: Module;
  readonly maxModelLen: number;
  readonly derivedMaxModelLen: number | undefined;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly stored: readonly StoredTensor[];
  readonly weights: number;
  readonly ropeTables: number;
  readonly batchBuffers: number;
  readonly loraSlots: number;
  readonly buffers: number;
  readonly peakActivation: number;
  readonly peakAt: string;
  readonly nonTorch: number;
  readonly cudaGraphs: number;
  readonly pool: BlockPool | undefined;
  readonly device:
    | {
        readonly memory: number;
        readonly utilization: number;
        readonly available: number;
        readonly blocks: number;
      }
    | undefined;
}

/** Length of the context where the config states none (`config/model.py`). */
const UNSTATED_LENGTH = 2048;

/** Every stage of the pipeline, in order; all of them cut as many blocks as the one that has room for the fewest. */
export function startUps(model: Model, setup: Setup): readonly StartUp[] {
  const rules = rulesOf(setup.server.version);
  const served = dividedExperts(servedTree(model.root, rules.minor), setup);
  if (setup.pipelineParallel > 1 && crosses(served)) {
    throw new InputError(
      "inconsistent",
      `--pipeline-parallel-size is ${setup.pipelineParallel}, but vLLM runs encoder-decoder models on one stage: use --tensor-parallel-size.`,
      "pipelineParallelSize",
    );
  }
  const starts = stageTrees(served, setup.pipelineParallel).map((stage) =>
    startUpOf(model, setup, rules, stage),
  );
  const blocks = Math.min(
    ...starts.map(({ device, pool }) =>
      device && pool ? device.blocks : Number.POSITIVE_INFINITY,
    ),
  );
  return starts.map((start) =>
    start.device && start.pool ? { ...start, device: { ...start.device, blocks } } : start,
  );
}

/** The stage that decides: the one with the least room for blocks, or without a device the fullest. */
export function startUp(model: Model, setup: Setup): StartUp {
  const starts = startUps(model, setup);
  const fullness = ({ device, pool, ...start }: StartUp): number =>
    device && pool
      ? -device.available / (pool.page * pool.size)
      : loadedBytes(start) + start.peakActivation;
  return starts.reduce((a, b) => (fullness(b) > fullness(a) ? b : a));
}

function startUpOf(model: Model, setup: Setup, rules: Rules, stage: StageTree): StartUp {
  const { server, tensorParallel } = setup;
  const { tree } = stage;
  const towers = towersOf(tree);
  const derivedMaxModelLen = model.context.max;
  const maxModelLen = server.maxModelLen ?? model.context.max ?? UNSTATED_LENGTH;
  const whole = crosses(tree);
  const sizes = batchSizes(setup, maxModelLen, whole);
  const { total: parameters } = countParameters(tree, tensorParallel);
  const stored = storedTensors(tree, setup, true);
  const weights = storedBytes(stored);
  const buffers = deviceBuffers(tree).reduce((sum, { elements, dtype }) => {
    return (
      sum + elements * bytesOf(dtype === "model" ? setup.compute : (findDtype(dtype) ?? "fp32"))
    );
  }, 0);
  const ropeTables = ropeBytes(towers, model.context.max ?? maxModelLen, setup);
  const peak = profilePeak(model, tree, towers, { ...sizes, maxModelLen, whole }, rules, setup);
  const nonTorch = nonTorchBytes(
    tensorParallel * setup.pipelineParallel * (server.dataParallelSize ?? 1),
  );
  const cudaGraphs = server.enforceEager ? 0 : cudaGraphBytes(parameters);
  const pool = blockPool(cacheSpecs(tree, setup), setup);
  const slots = loraSlotBytes(tree, setup);
  const width = towers.find(({ op }) => op.side === "decoder")?.op.width ?? 0;
  const handedOn = stage.isFirst
    ? 0
    : 2 * sizes.maxNumBatchedTokens * width * bytesOf(setup.compute);
  const batchBuffers = batchBufferBytes(tree, sizes.maxNumBatchedTokens, setup);
  const loaded = weights + ropeTables + batchBuffers + slots + buffers;
  return {
    rules,
    layers: stage.layers,
    handedOn,
    tree,
    maxModelLen,
    derivedMaxModelLen,
    ...sizes,
    stored,
    weights,
    ropeTables,
    batchBuffers,
    loraSlots: slots,
    buffers,
    peakActivation: peak.bytes,
    peakAt: peak.at,
    nonTorch,
    cudaGraphs,
    pool,
    device: deviceOf(
      setup,
      rules,
      loaded + handedOn + peak.bytes + nonTorch + (rules.graphsSubtracted ? cudaGraphs : 0),
      pool,
    ),
  };
}

/** The budget less everything that is there before the cache: what is left becomes whole blocks. */
function deviceOf(
  setup: Setup,
  rules: Rules,
  taken: number,
  pool: BlockPool | undefined,
): StartUp["device"] {
  const { gpuMemory, gpuMemoryUtilization } = setup.server;
  if (gpuMemory === undefined) return undefined;
  const utilization = gpuMemoryUtilization ?? rules.utilization;
  const available = Math.ceil(gpuMemory * utilization) - Math.ceil(taken);
  const block = pool ? pool.page * pool.size : 0;
  return {
    memory: gpuMemory,
    utilization,
    available,
    blocks: block > 0 ? Math.max(0, Math.floor(available / block)) : 0,
  };
}

interface BatchSizes {
  readonly maxNumBatchedTokens: number;
  readonly maxNumSeqs: number;
}

/** Without chunked prefill (encoder-decoder) a batch holds at least one whole request. */
function batchSizes(setup: Setup, maxModelLen: number, crossed: boolean): BatchSizes {
  const { server } = setup;
  const preset = batchDefaults(server.gpuMemory);
  const sequences = server.maxNumSeqs ?? preset.maxNumSeqs;
  const usual = crossed
    ? Math.max(maxModelLen, preset.maxNumBatchedTokens)
    : preset.maxNumBatchedTokens;
  const maxNumBatchedTokens =
    server.maxNumBatchedTokens ?? Math.min(usual, sequences * maxModelLen);
  return { maxNumBatchedTokens, maxNumSeqs: Math.min(sequences, maxNumBatchedTokens) };
}

function crosses(tree: Module): boolean {
  let found = false;
  walk(tree, ({ state }) => {
    if (state?.kind === "kv" && state.over === "cross") found = true;
  });
  return found;
}

/** M-RoPE's tables are enlarged for the indices of long videos (`rotary_embedding/mrope.py`, cache_max_position_num). */
const SECTIONED_LENGTHS = 4;

/** One table of cosines and sines per rotary configuration, as long as the model's own limit, in the model's dtype. */
function ropeBytes(towers: readonly Tower[], length: number, setup: Setup): number {
  const tables = new Set(
    towers.flatMap(({ op }) =>
      op.rotary && op.side === "decoder"
        ? [op.rotary * (op.sectioned ? SECTIONED_LENGTHS : 1)]
        : [],
    ),
  );
  let sum = 0;
  for (const width of tables) sum += length * width * bytesOf(setup.compute);
  return sum;
}

/**
 * The profile run: the encoder over as many of the longest items as one batch may hold, then the language model over a
 * full batch of tokens and the sampler over a row of logits for every sequence, each beside the encoder's output. The largest counts.
 */
function profilePeak(
  model: Model,
  tree: Module,
  towers: readonly Tower[],
  sizes: BatchSizes & { readonly maxModelLen: number; readonly whole: boolean },
  rules: Rules,
  setup: Setup,
): { readonly bytes: number; readonly at: string } {
  const size = bytesOf(setup.compute);
  const { tensorParallel } = setup;
  const decoder = towers.find(({ op }) => op.side === "decoder");
  const encoder = towers.find(
    ({ op, component }) => op.side === "encoder" && component === "audio_encoder",
  );
  const inputs = { model, towers, width: decoder?.op.width ?? 0, sizes, setup };
  const audio = encoder && audioProfile(model, encoder, inputs.width, sizes, setup);
  const { peak: encoderPeak, output: encoded } = profiled(audio, imageProfile(inputs));
  const candidates = [{ at: "encoder", bytes: encoderPeak }];
  if (decoder) {
    const perToken = Math.max(0, ...layerWidths(decoder.module, tensorParallel));
    candidates.push({
      at: "language model",
      bytes: encoded + sizes.maxNumBatchedTokens * (4 * decoder.op.width + perToken) * size,
    });
    const head = findOp(tree, "head");
    if (head)
      candidates.push({
        at: "sampler",
        bytes: encoded + sizes.maxNumSeqs * head.vocab * rules.samplerBytes,
      });
  }
  const peak = candidates.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  return { at: peak.at, bytes: Math.ceil(peak.bytes) };
}

/** Elements per token that the widest operation of a layer holds on one rank. */
function layerWidths(tower: Module, ranks: number): number[] {
  const widths: number[] = [];
  walk(tower, ({ op }) => {
    if (op?.kind === "attention")
      widths.push((2 * (op.heads + 2 * op.kvHeads) * op.headDim) / ranks);
    if (op?.kind === "feed-forward") widths.push(((op.gated ? 3 : 2) * op.inner) / ranks);
    if (op?.kind === "experts") widths.push(op.perToken * ((2 * op.inner) / ranks + op.width));
    if (op?.kind === "layer") {
      for (const { run } of op.blocks)
        if (typeof run !== "string") widths.push((2 * run.inner) / ranks);
    }
  });
  return widths;
}

export const loadedBytes = ({
  weights,
  ropeTables,
  batchBuffers,
  loraSlots,
  buffers,
}: Pick<StartUp, "weights" | "ropeTables" | "batchBuffers" | "loraSlots" | "buffers">): number =>
  bytes(weights + ropeTables + batchBuffers + loraSlots + buffers);
