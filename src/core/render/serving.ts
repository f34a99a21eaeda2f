import type { MemoryReport } from "../report/memory-report.ts";
import { GiB, grouped, humanBytes } from "../units.ts";
import { table } from "./table.ts";
import type { Style } from "./text.ts";

/** What a serving engine decides, in the words of its own log. */
export function renderServing({ serving, workload }: MemoryReport, style: Style): string[] {
  if (!serving) return [];
  const gib = (size: number) => `${(size / GiB).toFixed(2)} GiB`;
  const { device } = serving;
  const request = `a request of ${grouped(workload.contextTokens)} tokens${workload.audio && workload.audioTokens === 0 ? ` and ${grouped(workload.audio.positions)} encoder positions` : ""}`;
  const rows: [string, string][] = [
    ["Model loading took", gib(serving.modelLoadingBytes)],
    [
      "peak activation in the profile run",
      `${gib(serving.peakActivationBytes)}  (${grouped(serving.maxNumBatchedTokens)} batched tokens, ${grouped(serving.maxNumSeqs)} sequences)`,
    ],
    ...(device
      ? ([
          [
            "budget",
            `${gib(device.budgetBytes)} = ${device.gpuMemoryUtilization} × ${gib(device.gpuMemoryBytes)}`,
          ],
          ["Available KV cache memory", gib(device.availableKvCacheBytes)],
          [
            "GPU KV cache size",
            `${grouped(device.kvCacheTokens)} tokens in ${grouped(device.numBlocks)} blocks`,
          ],
          [
            `Maximum concurrency for ${grouped(serving.maxModelLen)} tokens`,
            `${device.loggedConcurrency.toFixed(2)}x  (as vLLM logs it, from its worst case)`,
          ],
        ] as [string, string][])
      : []),
    [request, `${humanBytes(serving.requestKvBytes)} in ${grouped(serving.requestBlocks)} blocks`],
    ...(device
      ? ([
          [
            "such requests at once",
            `${grouped(device.concurrentRequests)}${serving.dataParallelSize > 1 ? ` on each of ${serving.dataParallelSize} replicas` : ""}`,
          ],
        ] as [string, string][])
      : []),
  ];
  const verdict =
    device && device.availableKvCacheBytes <= 0
      ? [
          "  does not start: nothing is left for the KV cache; a larger device, fewer sequences or lower precision is needed",
        ]
      : device && device.concurrentRequests === 0
        ? [
            "  does not start: not one request of this length fits; lower --max-model-len or use a larger device",
          ]
        : [];
  return [
    "",
    style.strong(`vLLM ${serving.engineVersion}`),
    ...table(rows.map(([name, value]) => [`  ${name}`, value])),
    ...verdict,
    "",
  ];
}
