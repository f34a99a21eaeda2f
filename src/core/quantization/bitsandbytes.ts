import { bytewiseLayout, elementsOf } from "./layouts.ts";
import { type Format, part } from "./scheme.ts";

/** `functional.py`, quantize_4bit: weights that share an fp32 absmax, whatever row they are of. */
const BLOCK = 64;
/** Absmax values that share an fp32 scale when they are quantised themselves (`compress_statistics`). */
const NESTED_BLOCK = 256;
/** fp32 values that the codes stand for, kept with every tensor. */
const CODES = 16;

/** bitsandbytes' 4-bit weights: nf4 (Dettmers et al. 2023, QLoRA) or fp4, which take the same room. */
export const fourBit = (unit: "nf4" | "fp4", double: boolean): Format => ({
  parts(matrix) {
    const { count } = matrix;
    const weights = elementsOf(matrix);
    const blocks = count * Math.ceil(weights / count / BLOCK);
    return [
      part("weights", weights, 0.5, unit),
      ...(double
        ? [
            part("absmax", blocks, 1, "int8"),
            part("absmax scales", count * Math.ceil(blocks / count / NESTED_BLOCK), 4, "fp32"),
            part("absmax offsets", count, 4, "fp32"),
          ]
        : [part("absmax", blocks, 4, "fp32")]),
      part("code values", CODES * count, 4, "fp32"),
    ];
  },
});

/** LLM.int8 (Dettmers et al. 2022): one fp32 absmax (`SCB`) for every row. */
export const eightBit: Format = bytewiseLayout("int8", "row");
