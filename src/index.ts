import { catalogConfig, catalogIds } from "./catalog/index.ts";
import type { DescribeOptions } from "./core/describe.ts";
import { InputError, nearest, shown } from "./core/errors.ts";
import { calculateTotalMemory, type EstimateOptions } from "./core/estimate.ts";
import type { MemoryReport } from "./core/report/memory-report.ts";

export * from "./core/index.ts";
export { catalogConfig, catalogIds };

/**
 * The memory report of a catalog model or of a config.
 * @param idOrConfig a catalog id (`"openai/whisper-tiny"`) or the parsed JSON of a config.json.
 * @param options workload, precision and engine; references to other models are resolved from the catalog.
 * @throws InputError for an unknown id, a config that cannot be described, or options that make no sense.
 * @example
 * ```ts
 * import { calculateMemory } from "llm-memory-calculator";
 * const report = calculateMemory("openai/whisper-large-v3-turbo", { audioSeconds: 30, batchSize: 8 });
 * console.log(report.totalMemoryBytes, report.peakPhase);
 * ```
 */
export function calculateMemory(
  idOrConfig: unknown,
  options: EstimateOptions & DescribeOptions = {},
): MemoryReport {
  const settled = { resolve: catalogConfig, ...options };
  if (typeof idOrConfig !== "string") return calculateTotalMemory(idOrConfig, settled);
  const config = catalogConfig(idOrConfig);
  if (config === undefined) {
    throw new InputError(
      "unknown-model",
      `${shown(idOrConfig)} is not in the catalog (nearest: ${nearest(idOrConfig, catalogIds()).join(", ")}): pass the parsed config.json instead.`,
      idOrConfig,
    );
  }
  return calculateTotalMemory(config, { id: idOrConfig, ...settled });
}
