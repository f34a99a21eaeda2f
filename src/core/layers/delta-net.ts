import { type Module, module } from "../tree/module.ts";
import { conv1d } from "./conv.ts";
import { linear } from "./linear.ts";
import { rmsNorm } from "./norm.ts";

export interface DeltaNetOptions {
  readonly width: number;
  readonly keyHeads: number;
  readonly keyDim: number;
  readonly valueHeads: number;
  readonly valueDim: number;
  /** Length of the convolution over time. */
  readonly kernel: number;
  readonly normClass: string;
  /** Queries, keys, values and the gate of one matrix, both step sizes of another (Qwen3-Next); or one for each (Qwen3.5). */
  readonly fused: boolean;
}

/** `chunk_size` of `torch_chunk_gated_delta_rule`. */
const CHUNK = 64;

/**
 * Gated delta net (Yang et al. 2024): linear attention that keeps one matrix per value head, in fp32, and the last inputs of
 * its convolution, whatever the length.
 */
export function gatedDeltaNet(className: string, name: string, options: DeltaNetOptions): Module {
  const { width, keyHeads, valueHeads, kernel, fused } = options;
  const keys = keyHeads * options.keyDim;
  const values = valueHeads * options.valueDim;
  const mixed = 2 * keys + values;
  const into = (own: string, outputs: number, units: number) =>
    linear(own, width, outputs, { bias: false, divide: { by: "columns", units } });
  const cut = { dim: 0, units: keyHeads };
  const convolution = conv1d("conv1d", mixed, mixed, kernel, { bias: false, groups: mixed });
  return module(
    className,
    name,
    [
      { ...convolution, tensors: convolution.tensors.map((tensor) => ({ ...tensor, cut })) },
      ...(fused
        ? [
            into("in_proj_qkvz", mixed + values, keyHeads),
            into("in_proj_ba", 2 * valueHeads, keyHeads),
          ]
        : [
            into("in_proj_qkv", mixed, keyHeads),
            into("in_proj_z", values, valueHeads),
            into("in_proj_b", valueHeads, valueHeads),
            into("in_proj_a", valueHeads, valueHeads),
          ]),
      rmsNorm("norm", options.valueDim, options.normClass),
      linear("out_proj", values, width, {
        bias: false,
        divide: { by: "rows", units: valueHeads },
      }),
    ],
    {
      op: {
        kind: "delta-rule",
        width,
        heads: valueHeads,
        keyDim: options.keyDim,
        valueDim: options.valueDim,
        chunk: CHUNK,
        // One matrix's output is what the gate views; of several, the convolution's input has lost its name.
        ...(fused && { projected: mixed + values }),
        convolved: mixed,
      },
      tensors: ["dt_bias", "A_log"].map((own) => ({
        name: own,
        shape: [valueHeads],
        cut: { dim: 0, units: valueHeads },
      })),
      state: {
        kind: "recurrent",
        parts: [
          { name: "convolution", shape: [mixed, kernel], units: keyHeads },
          {
            name: "delta rule",
            shape: [valueHeads, options.keyDim, options.valueDim],
            dtype: "fp32",
            units: valueHeads,
          },
        ],
      },
    },
  );
}
