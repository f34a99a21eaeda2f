import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";

export interface CodebookOptions {
  /** Prefix of the class names: "Encodec", "Mimi". */
  readonly classes: string;
  readonly size: number;
  readonly dim: number;
  /** Names of the buffers in the reference: the flag, the counts, and tables of the codebook's own shape. */
  readonly names: {
    readonly flag: string;
    readonly counts: string;
    readonly tables: readonly string[];
  };
  /** Whether the reference builds the flag in fp32 whatever the model's dtype is. */
  readonly fp32Flag?: boolean;
}

/**
 * The stages of a residual vector quantiser whose codebooks are learned as moving averages (van den Oord et al. 2017,
 * appendix A.1): no parameters, but buffers that are stored in the checkpoint.
 */
export function averagedCodebooks(count: number, options: CodebookOptions): Module | undefined {
  const { classes, size, dim, names } = options;
  const buffer = (name: string, shape: readonly number[]): DeviceBuffer => ({
    name,
    shape,
    dtype: "model",
    persistent: true,
  });
  return stack(
    upTo(count),
    module(`${classes}VectorQuantization`, "layers", [
      module(`${classes}EuclideanCodebook`, "codebook", [], {
        buffers: [
          { ...buffer(names.flag, [1]), ...(options.fp32Flag && { dtype: "fp32" as const }) },
          buffer(names.counts, [size]),
          ...names.tables.map((table) => buffer(table, [size, dim])),
        ],
      }),
    ]),
  );
}
