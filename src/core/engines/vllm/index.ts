import type { AxisValues } from "../../quantity/axis.ts";
import { type Product, times } from "../../quantity/product.ts";
import { partsByComponent } from "../../quantization/stored.ts";
import type { Component } from "../../tree/module.ts";
import { bytes, grouped } from "../../units.ts";
import type { Amount, Basis, Engine, LinePlan, Phase, Serving, Setup } from "../engine.ts";
import { towersOf } from "../transformers/tower.ts";
import { quantisedSource, storedLines } from "../weights.ts";
import { BATCH_BUFFER_SOURCE } from "./batch-buffers.ts";
import { blocksPerRequest, worstCase } from "./kv-cache.ts";
import { LORA_SOURCE } from "./lora.ts";
import { loadedBytes, type StartUp, startUp, startUps } from "./start-up.ts";

const PHASES: readonly Phase[] = ["load", "profile", "serve"];
const SPEC = "docs/engines.md, vLLM";

/**
 * vLLM's V1 engine: weights as it holds them, a profile run that measures the activations of a full batch, and the rest of
 * the budget cut into KV blocks. With a device, the pool fills it; without one, only what the requests need is counted.
 */
export const vllm: Engine = {
  name: "vllm",
  summary: "what vLLM reserves at start-up and what requests take of it",
  refuses: ({ root }) =>
    towersOf(root).some(({ op }) => op.side === "decoder")
      ? undefined
      : "it serves models that generate, and this one has no decoder",
  servesWhole: true,
  // `config/model.py`, _resolve_auto_dtype: fp32 checkpoints are served in the device's preferred 16 bits.
  castsTo: { fp32: "bf16" },
  phases: () => PHASES,
  plan: (model, setup) => planOf(startUp(model, setup), setup),
  stages: (model, setup) =>
    startUps(model, setup).map((start) => ({
      holds: start.layers ? `layers ${start.layers[0]} to ${start.layers[1]}` : "all layers",
      plan: planOf(start, setup),
    })),
  serving: (model, setup, values) => servingOf(startUp(model, setup), setup, values),
  // Source: `vllm/config/model.py`, `_get_and_verify_max_len`.
  warns: ({ maxModelLen, derivedMaxModelLen: derived }) =>
    derived !== null && maxModelLen > derived
      ? [
          `vLLM refuses --max-model-len ${grouped(maxModelLen)}, more than the ${grouped(derived)} that it derives from the config, unless VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 is set.`,
        ]
      : [],
};

const planOf = (start: StartUp, setup: Setup): LinePlan[] => [
  ...weightLines(start, setup),
  ...runtimeLines(start),
  ...cacheLines(start),
];

function line(
  about: {
    label: string;
    component: Component | "runtime";
    kind: LinePlan["kind"];
    basis: Basis;
    source: string;
  },
  phases: readonly Phase[],
  sum: readonly Product[],
): LinePlan {
  const amount: Amount = { sum };
  return { ...about, alive: Object.fromEntries(phases.map((phase) => [phase, amount])) };
}

function weightLines(start: StartUp, setup: Setup): LinePlan[] {
  const { quantization } = setup;
  const served = `${SPEC}: vocabularies padded to 64, fused q/k/v with a key bias, HF towers whole on every rank`;
  const always = (sum: readonly Product[]) =>
    Object.fromEntries(PHASES.map((phase) => [phase, { sum }]));
  const lines = storedLines(partsByComponent(start.stored), always, {
    basis: "rule",
    source: quantization ? `${quantisedSource(quantization)}. ${served}` : served,
  });
  const beside: { label: string; size: number; source: string; component?: "lora" }[] = [
    { label: "adapter slots", size: start.loraSlots, source: LORA_SOURCE, component: "lora" },
    {
      label: "rotary tables",
      size: start.ropeTables,
      source: `${SPEC}: max_position_embeddings × rotary width × dtype`,
    },
    { label: "buffers of a batch", size: start.batchBuffers, source: BATCH_BUFFER_SOURCE },
    {
      label: "buffers",
      size: start.buffers,
      source: "tensors of the reference that are no parameters",
    },
  ];
  for (const { label, size, source, component = "runtime" as const } of beside) {
    if (size > 0) {
      lines.push(
        line({ label, component, kind: "weights", basis: "rule", source }, PHASES, [
          [times(size, "B")],
        ]),
      );
    }
  }
  return lines;
}

function runtimeLines(start: StartUp): LinePlan[] {
  const handedOn = line(
    {
      label: "hidden states from the stage before",
      component: "runtime",
      kind: "activation",
      basis: "rule",
      source: `${SPEC}: intermediate tensors, hidden states and residuals of ${start.maxNumBatchedTokens} tokens`,
    },
    ["profile", "serve"],
    [[times(start.handedOn, "B")]],
  );
  return [
    ...(start.handedOn > 0 ? [handedOn] : []),
    line(
      {
        label: `activations of the profile run (${start.peakAt})`,
        component: "runtime",
        kind: "activation",
        basis: "rule",
        source: `${SPEC}: a batch of ${start.maxNumBatchedTokens} tokens, ${start.maxNumSeqs} sequences; stays reserved`,
      },
      ["profile", "serve"],
      [[times(start.peakActivation, "B")]],
    ),
    line(
      {
        label: "driver and libraries",
        component: "runtime",
        kind: "overhead",
        basis: "measured",
        source:
          "logs that users published: 0.03 to 0.35 GiB on one device, 0.5 to 2 GiB with NCCL; the middle",
      },
      PHASES,
      [[times(start.nonTorch, "B")]],
    ),
    line(
      {
        label: "CUDA graphs",
        component: "runtime",
        kind: "overhead",
        basis: "measured",
        source: "logs that users published, by size of the model; --enforce-eager has none",
      },
      ["serve"],
      [[times(start.cudaGraphs, "B")]],
    ),
  ];
}

function cacheLines({ pool, device }: StartUp): LinePlan[] {
  if (!pool) return [];
  const block = [times(pool.size, "layers"), times(pool.page, "B a page")];
  if (device) {
    return [
      line(
        {
          label: "KV cache pool",
          component: "runtime",
          kind: "kv-cache",
          basis: "rule",
          source: `${SPEC}: the budget less all else, in whole blocks`,
        },
        ["serve"],
        [[times(device.blocks, "blocks"), ...block]],
      ),
    ];
  }
  const sequences = times("batch", "sequences");
  return pool.specs.map((spec) => {
    const cross = spec.kind === "cross";
    const count =
      spec.kind === "recurrent"
        ? times(1, "block")
        : {
            of: cross ? ("memory" as const) : ("context" as const),
            label: `blocks of ${spec.blockSize}`,
            per: spec.blockSize,
            ...(spec.window !== undefined && { atMost: spec.window }),
          };
    return line(
      {
        label: cross
          ? "cross-attention KV blocks"
          : spec.kind === "recurrent"
            ? "state blocks"
            : "KV blocks",
        component: "runtime",
        kind: spec.kind === "recurrent" ? "state" : "kv-cache",
        basis: "exact",
        source: `${SPEC}: whole blocks of every group that a request draws from`,
      },
      ["serve"],
      [[sequences, times(spec.groups, "groups"), count, ...block]],
    );
  });
}

function servingOf(start: StartUp, setup: Setup, values: AxisValues): Serving {
  const { pool, device, rules } = start;
  const blockBytes = pool ? pool.page * pool.size : 0;
  const request = pool
    ? blocksPerRequest(pool, {
        tokens: values.context,
        encoderPositions: values.memory,
        inFlight: start.maxNumBatchedTokens * rules.batchesInFlight,
      })
    : 0;
  const worst = pool
    ? blocksPerRequest(pool, worstCase(start.maxModelLen, start.maxNumBatchedTokens, rules))
    : 0;
  const attention = pool?.specs.find(({ blockSize }) => blockSize > 0);
  const groups = pool?.specs.reduce((sum, spec) => sum + spec.groups, 0) ?? 1;
  const concurrency = device && worst > 0 ? device.blocks / worst : 0;
  return {
    engineVersion: rules.version,
    maxModelLen: start.maxModelLen,
    derivedMaxModelLen: start.derivedMaxModelLen ?? null,
    maxNumSeqs: start.maxNumSeqs,
    maxNumBatchedTokens: start.maxNumBatchedTokens,
    blockSize: attention?.blockSize ?? 0,
    dataParallelSize: setup.server.dataParallelSize ?? 1,
    modelLoadingBytes: loadedBytes(start),
    peakActivationBytes: bytes(start.peakActivation),
    nonTorchBytes: bytes(start.nonTorch),
    cudaGraphBytes: bytes(start.cudaGraphs),
    requestKvBytes: bytes(request * blockBytes),
    requestBlocks: request,
    device: device
      ? {
          gpuMemoryBytes: device.memory,
          gpuMemoryUtilization: device.utilization,
          budgetBytes: bytes(device.memory * device.utilization),
          availableKvCacheBytes: device.available,
          numBlocks: device.blocks,
          kvCacheTokens: rules.tokensFromConcurrency
            ? Math.floor(concurrency * start.maxModelLen)
            : Math.floor(device.blocks / groups) * (attention?.blockSize ?? 0),
          loggedConcurrency: Math.round(concurrency * 100) / 100,
          concurrentRequests:
            request > 0 ? Math.min(start.maxNumSeqs, Math.floor(device.blocks / request)) : 0,
        }
      : null,
  };
}
