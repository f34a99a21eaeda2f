import { eightBit, fourBit } from "./bitsandbytes.ts";
import { bytewiseLayout, elementsOf, groupLayout } from "./layouts.ts";
import { namesOf } from "./names.ts";
import { linearScheme } from "./rules.ts";
import { type Format, part, type Scheme } from "./scheme.ts";

/** Schemes that need no calibration: every linear layer is quantised while it is loaded, the head is not. */
function onLoad(
  name: string,
  source: string,
  format: Format,
  except: readonly string[] = [],
  path = "",
): Scheme {
  return linearScheme({
    name,
    basis: "exact",
    source,
    format: () => format,
    scope: "all",
    except: namesOf(except, path),
  });
}

export const bitsandbytes4 = (
  unit: "nf4" | "fp4",
  double: boolean,
  except?: readonly string[],
  path?: string,
): Scheme =>
  onLoad(
    `bitsandbytes ${unit}${double ? ", double quantisation" : ""}`,
    "bitsandbytes, functional.py, quantize_4bit: blocks of 64 share an fp32 absmax, nested in blocks of 256",
    fourBit(unit, double),
    except,
    path,
  );

export const bitsandbytes8 = (except?: readonly string[], path?: string): Scheme =>
  onLoad(
    "LLM.int8",
    "bitsandbytes, Linear8bitLt: int8 weights and an fp32 absmax (SCB) for every row",
    eightBit,
    except,
    path,
  );

/** 8-bit weights with one fp32 scale a row, for 8-bit activations (SmoothQuant and its like). */
export const w8a8 = (): Scheme =>
  onLoad(
    "W8A8 int8, one scale a row",
    "vLLM, compressed_tensors_w8a8_int8.py: int8 weight and fp32 weight_scale",
    bytewiseLayout("int8", "row"),
  );

/** Plain rounding to integer codes with a scale and a packed zero for every group. */
export const rounded = (bits: number, group: number): Scheme =>
  onLoad(
    `int${bits}, groups of ${group}`,
    "what 4-bit integer formats have in common: packed codes, and for every group a 16-bit scale and a packed zero",
    groupLayout({ bits, group, zero: "packed" }),
  );

/** torchao: int4 in groups with scale and zero in 16 bits, int8 and fp8 with a scale a row. */
export function torchao(
  kind: "int4" | "int8" | "fp8",
  group = 128,
  except?: readonly string[],
  path?: string,
): Scheme {
  const formats = {
    int4: groupLayout({ bits: 4, group, zero: "scale" }),
    int8: bytewiseLayout("int8", "row", { scale: "model" }),
    fp8: bytewiseLayout("fp8", "row"),
  };
  return onLoad(
    `torchao ${kind} weight-only${kind === "int4" ? `, groups of ${group}` : ""}`,
    "pytorch/ao, quantize_: Int4Tensor, Int8Tensor, Float8Tensor",
    formats[kind],
    except,
    path,
  );
}

/** 3-bit codes: ten fill a 32-bit word, along the groups (`BitPack.pack_3bit_32`). */
const CODES_PER_WORD = 10;

/** HQQ (Badri and Shaji 2023): groups that need not end with a row; scale and zero in the model's dtype. */
export function hqq(
  bits: number,
  group: number,
  except?: readonly string[],
  path?: string,
): Scheme {
  const format: Format = {
    parts(matrix, { rest }) {
      const weights = elementsOf(matrix);
      const groups = Math.ceil(weights / group);
      const size = rest === "fp32" ? 4 : 2;
      return [
        bits === 3
          ? part("packed words", Math.ceil(groups / CODES_PER_WORD) * group, 4, "int3")
          : part("weights", weights, bits / 8, `int${bits}`),
        part("scales", groups, size, rest),
        part("zeros", groups, size, rest),
      ];
    },
  };
  return onLoad(
    `HQQ ${bits}-bit, groups of ${group}`,
    "mobiusml/hqq, core/quantize.py and core/bitpack.py",
    format,
    except,
    path,
  );
}
