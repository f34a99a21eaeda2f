import type { Dtype } from "../dtype.ts";
import { InputError, nearest, shown } from "../errors.ts";
import { fp8, mxfp4, mxfp8, nvfp4 } from "./floats.ts";
import { gguf } from "./gguf.ts";
import { MIXES, type MixName } from "./gguf-mixes.ts";
import { BLOCKS, type GgufType } from "./gguf-types.ts";
import { awq, gptq } from "./integers.ts";
import { bitsandbytes4, bitsandbytes8, hqq, rounded, torchao, w8a8 } from "./on-load.ts";
import type { Scheme } from "./scheme.ts";

/** Group size that AWQ, GPTQ and their like are published with; HQQ's and bitsandbytes' own is 64. */
const USUAL_GROUP = 128;
const HQQ_GROUP = 64;
const BLOCK = 128;

/** Names without settings. */
const FIXED: Readonly<Record<string, () => Scheme>> = {
  fp8: () => fp8("tensor"),
  "fp8-tensor": () => fp8("tensor"),
  "fp8-channel": () => fp8("row"),
  "fp8-block": () => fp8([BLOCK, BLOCK]),
  int8: () => bitsandbytes8(),
  "llm.int8": () => bitsandbytes8(),
  w8a8: () => w8a8(),
  bitsandbytes: () => bitsandbytes4("nf4", false),
  nf4: () => bitsandbytes4("nf4", false),
  "nf4-double": () => bitsandbytes4("nf4", true),
  fp4: () => bitsandbytes4("fp4", false),
  "fp4-double": () => bitsandbytes4("fp4", true),
  mxfp4: () => mxfp4(),
  mxfp8: () => mxfp8(),
  nvfp4: () => nvfp4(),
  "torchao-int8": () => torchao("int8"),
  "torchao-fp8": () => torchao("fp8"),
};

/** Names that bits and a group size may follow: "gptq-8bit-g32". */
const SIZED: Readonly<
  Record<
    string,
    {
      readonly bits: readonly number[];
      make(bits: number, group: number | undefined, actOrder: boolean): Scheme;
    }
  >
> = {
  int4: { bits: [4], make: (_, group = USUAL_GROUP) => rounded(4, group) },
  w4a16: { bits: [4], make: (_, group = USUAL_GROUP) => rounded(4, group) },
  "torchao-int4": { bits: [4], make: (_, group = USUAL_GROUP) => torchao("int4", group) },
  awq: { bits: [4], make: (bits, group = USUAL_GROUP) => awq({ bits, group }) },
  gptq: {
    bits: [4, 2, 3, 8],
    make: (bits, group = USUAL_GROUP, actOrder = false) => gptq({ bits, group, actOrder }),
  },
  hqq: { bits: [4, 8, 3, 2, 1], make: (bits, group = HQQ_GROUP) => hqq(bits, group) },
};

const SIZES = /^(.+?)(?:-(?:int)?(\d)(?:bit)?)?(?:-g(\d{1,6}))?(-actorder)?$/;

/** Every name, the ones that take sizes without them; GGUF's as llama.cpp writes them. */
export const QUANTIZATIONS: readonly string[] = [
  ...Object.keys(FIXED),
  ...Object.keys(SIZED),
  ...new Set([...Object.keys(MIXES), ...Object.keys(BLOCKS).filter((type) => type !== "F32")]),
];

/** @throws InputError `unknown-option` that names the nearest known ones. */
export function namedQuantization(value: unknown): Scheme {
  const found = typeof value === "string" ? find(value.trim()) : undefined;
  if (found) return found;
  const near = typeof value === "string" ? nearest(value, QUANTIZATIONS).join(", ") : "fp8, awq";
  throw new InputError(
    "unknown-option",
    `--quantization is ${shown(value)}, which is not known (nearest: ${near}): use none, fp8, int8, nf4, awq, gptq-4bit-g128, hqq, mxfp4, nvfp4, torchao-int4, Q4_K_M or another of docs/quantization.md.`,
    "quantization",
  );
}

function find(text: string): Scheme | undefined {
  const upper = text.toUpperCase().replaceAll("-", "_");
  const lower = text.toLowerCase().replaceAll("_", "-");
  if (Object.hasOwn(FIXED, lower)) return FIXED[lower]?.();
  if (Object.hasOwn(MIXES, upper)) return gguf(upper as MixName, false);
  if (upper !== "F32" && Object.hasOwn(BLOCKS, upper)) return gguf(upper as GgufType, true);
  if (Object.hasOwn(SIZED, lower))
    return SIZED[lower]?.make(SIZED[lower].bits[0] ?? 4, undefined, false);
  const [, name = "", bits, group, actOrder] = SIZES.exec(lower) ?? [];
  const sized = Object.hasOwn(SIZED, name) ? SIZED[name] : undefined;
  const width = bits === undefined ? sized?.bits[0] : Number(bits);
  if (!sized || width === undefined || !sized.bits.includes(width) || Number(group ?? 1) < 1)
    return undefined;
  if (actOrder && name !== "gptq") return undefined;
  return sized.make(width, group === undefined ? undefined : Number(group), actOrder !== undefined);
}

/** The usual scheme for weights of this dtype; undefined where the dtype needs none. */
export function usualQuantization(dtype: Dtype): Scheme | undefined {
  switch (dtype) {
    case "fp8_e4m3":
    case "fp8_e5m2":
      return fp8("tensor");
    case "int8":
      return bitsandbytes8();
    case "int4":
      return rounded(4, USUAL_GROUP);
    case "nf4":
    case "fp4":
      return bitsandbytes4(dtype, false);
    case "mxfp4":
      return mxfp4();
    case "nvfp4":
      return nvfp4();
    default:
      return undefined;
  }
}
