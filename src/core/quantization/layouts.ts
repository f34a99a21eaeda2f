import { bytesOf } from "../dtype.ts";
import { type Format, type Matrix, type Part, part } from "./scheme.ts";

/** The layouts that several formats share. All counts are for one rank. */

const all = ({ rows, columns, count }: Matrix): number => rows * columns * count;

/** One byte for each weight. */
const bytewise = (matrix: Matrix, unit: string): Part => part("weights", all(matrix), 1, unit);

/** One scale for the whole matrix, for each of its rows, or for each block of rows × columns. */
export type Grain = "tensor" | "row" | readonly [rows: number, columns: number];

/** One byte per weight and scales of `scaleSize` bytes. */
export function bytewiseLayout(
  unit: "fp8" | "int8",
  grain: Grain,
  options: {
    readonly scale?: "fp32" | "model";
    /** An int8 zero point beside every scale. */
    readonly zeros?: boolean;
    /** One fp32 scale of the activations, measured beforehand. */
    readonly activations?: boolean;
  } = {},
): Format {
  return {
    parts(matrix, { rest }) {
      const scales = scalesOf(matrix, grain);
      const dtype = options.scale === "model" ? rest : "fp32";
      return [
        bytewise(matrix, unit),
        part("scales", scales, bytesOf(dtype), dtype),
        ...(options.zeros ? [part("zeros", scales, 1, "int8")] : []),
        ...(options.activations
          ? [part("activation scales", matrix.count * matrix.pieces, 4, "fp32")]
          : []),
      ];
    },
  };
}

function scalesOf({ rows, columns, count, pieces }: Matrix, grain: Grain): number {
  if (grain === "tensor") return count * pieces;
  if (grain === "row") return count * rows;
  const [high, wide] = grain;
  return count * pieces * Math.ceil(rows / pieces / high) * Math.ceil(columns / wide);
}

export interface GroupOptions {
  readonly bits: number;
  /** Inputs that share a scale; "row": all of them. */
  readonly group: number | "row";
  /** Bytes of a zero point for every scale; 0 where the codes are symmetric and none is stored. */
  readonly zero: "packed" | "scale" | "none";
  /** Inputs carry the number of their group (GPTQ's `g_idx`, int32). */
  readonly index?: "always" | "act-order";
  /** Dtype of the scales where it is not the model's own. */
  readonly scale?: "fp16";
  /** Codes fill 32-bit words without straddling: 3-bit ones waste two bits in each (compressed-tensors). */
  readonly words?: boolean;
  /** Values per matrix that say its shape (compressed-tensors' `weight_shape`, int64). */
  readonly shape?: boolean;
}

/** Integer codes that share a scale within groups of a row. */
export function groupLayout(options: GroupOptions): Format {
  const { bits, group, zero, index, words } = options;
  const perWord = Math.floor(32 / bits);
  return {
    parts(matrix, holder) {
      const { rows, columns, count } = matrix;
      // Act-order scatters a group over all inputs: a rank that holds some of these keeps every group's scale.
      const spread = index === "act-order" ? matrix.allColumns : columns;
      const groups = group === "row" ? 1 : Math.ceil(spread / group);
      const scale = options.scale ?? holder.rest;
      return [
        words
          ? part("packed words", rows * count * Math.ceil(columns / perWord), 4, `int${bits}`)
          : part("weights", all(matrix), bits / 8, `int${bits}`),
        part("scales", rows * groups * count, bytesOf(scale), scale),
        ...(zero === "scale"
          ? [part("zeros", rows * groups * count, bytesOf(scale), scale)]
          : zero === "packed"
            ? [
                words
                  ? part("zero words", count * groups * Math.ceil(rows / perWord), 4, `int${bits}`)
                  : part("zeros", rows * groups * count, bits / 8, `int${bits}`),
              ]
            : []),
        ...(index ? [part("group indices", columns * count, 4, "int32")] : []),
        ...(options.shape ? [part("shape values", 2 * count, 8, "int64")] : []),
      ];
    },
  };
}

/** Four-bit floats that share a scale of one byte within blocks of a row (OCP Microscaling 1.0; NVIDIA's NVFP4). */
export function blockFloatLayout(options: {
  readonly unit: "mxfp4" | "nvfp4" | "mxfp8";
  readonly block: number;
  /** fp32 scales per matrix besides: NVFP4's global one, and one of the activations. */
  readonly globals: number;
}): Format {
  const { unit, block, globals } = options;
  return {
    parts(matrix) {
      const { rows, columns, count, pieces } = matrix;
      return [
        part("weights", all(matrix), unit === "mxfp8" ? 1 : 0.5, unit),
        part(
          "block scales",
          rows * count * Math.ceil(columns / block),
          1,
          unit === "nvfp4" ? "fp8" : "e8m0",
        ),
        ...(globals > 0 ? [part("global scales", globals * count * pieces, 4, "fp32")] : []),
      ];
    },
  };
}

/** The elements of a tensor on one rank. */
export const elementsOf = all;
