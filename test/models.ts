import {
  calculateMemory,
  catalogConfig,
  catalogIds,
  describe,
  type EstimateOptions,
  families,
  InputError,
  type MemoryReport,
  type Model,
} from "llm-memory-calculator";

/** A catalog model as a tree. */
export const modelOf = (id: string): Model =>
  describe(catalogConfig(id), { resolve: catalogConfig });

/** One catalog model of every family: what must hold for all is tried on these. A new family joins by itself. */
export const SPREAD: readonly string[] = (() => {
  const open = new Set(families.map(({ name }) => name));
  return catalogIds().filter((id) => open.delete(modelOf(id).family));
})();

/** The report, or undefined where the workload does not fit the model; every other error passes. */
export function reportIfItFits(id: string, options: EstimateOptions): MemoryReport | undefined {
  try {
    return calculateMemory(id, options);
  } catch (error) {
    if (error instanceof InputError && error.code === "does-not-fit") return undefined;
    throw error;
  }
}

/** Every size of a report by its key. */
export function sizesOf(report: MemoryReport): Record<string, number> {
  return Object.fromEntries([
    ...Object.entries(report).filter(([key]) => key.endsWith("Bytes")),
    ...report.phases.map(({ phase, totalBytes }) => [`phase ${phase}`, totalBytes]),
  ]) as Record<string, number>;
}
