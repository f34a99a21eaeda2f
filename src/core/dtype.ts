import { InputError, nearest, shown } from "./errors.ts";

/**
 * Bits that one stored element takes. Block formats include the scale that every block carries, which is why theirs
 * are fractions:
 * - mxfp4: 32 four-bit elements share one 8-bit exponent (OCP Microscaling Formats 1.0, section 5.2);
 * - nvfp4: 16 four-bit elements share one fp8 scale (NVIDIA, "Introducing NVFP4", 2025);
 * - nf4, fp4: 64 four-bit elements share one fp32 absmax (bitsandbytes' default block size, no double quantisation).
 */
const BITS = {
  fp64: 64,
  fp32: 32,
  tf32: 32,
  fp16: 16,
  bf16: 16,
  fp8_e4m3: 8,
  fp8_e5m2: 8,
  int64: 64,
  int32: 32,
  int16: 16,
  int8: 8,
  uint8: 8,
  bool: 8,
  int4: 4,
  nf4: 4.5,
  fp4: 4.5,
  mxfp4: 4.25,
  nvfp4: 4.5,
} as const;

export type Dtype = keyof typeof BITS;

const ALIASES: Readonly<Record<string, Dtype>> = {
  float64: "fp64",
  double: "fp64",
  float32: "fp32",
  float: "fp32",
  f32: "fp32",
  float16: "fp16",
  half: "fp16",
  f16: "fp16",
  bfloat16: "bf16",
  fp8: "fp8_e4m3",
  float8: "fp8_e4m3",
  fp8_e4m3fn: "fp8_e4m3",
  float8_e4m3: "fp8_e4m3",
  float8_e4m3fn: "fp8_e4m3",
  float8_e5m2: "fp8_e5m2",
  e4m3: "fp8_e4m3",
  e5m2: "fp8_e5m2",
  w8a8: "int8",
  i8: "int8",
  u8: "uint8",
  w4a16: "int4",
  i4: "int4",
  uint4: "int4",
};

export const DTYPES = Object.keys(BITS) as readonly Dtype[];
/** Dtypes of indices and masks. */
const INDICES: ReadonlySet<Dtype> = new Set(["int64", "int32", "int16", "uint8", "bool"]);
/** Whether weights or caches are kept in it. */
export const holdsValues = (dtype: Dtype): boolean => !INDICES.has(dtype);
const PRECISIONS: readonly Dtype[] = DTYPES.filter((name) => holdsValues(name) && name !== "fp64");

export const bitsOf = (dtype: Dtype): number => BITS[dtype];
export const bytesOf = (dtype: Dtype): number => BITS[dtype] / 8;

/** The dtype that `text` names, in any of the spellings of PyTorch, NumPy, transformers and vLLM; undefined if none. */
export function findDtype(text: string): Dtype | undefined {
  const key = text
    .trim()
    .toLowerCase()
    .replace(/^torch\./, "")
    .replaceAll("-", "_");
  if (Object.hasOwn(BITS, key)) return key as Dtype;
  return Object.hasOwn(ALIASES, key) ? ALIASES[key] : undefined;
}

/** A dtype for weights or caches. @throws InputError `unknown-precision`, naming the nearest known ones. */
export function parsePrecision(value: unknown, option: string): Dtype {
  const found = typeof value === "string" ? findDtype(value) : undefined;
  if (found === undefined) {
    const near =
      typeof value === "string" ? nearest(value, [...PRECISIONS, ...Object.keys(ALIASES)]) : [];
    throw new InputError(
      "unknown-precision",
      `${option} is ${shown(value)}, which is no known precision: use one of ${PRECISIONS.join(", ")}${near.length > 0 ? ` (nearest: ${near.join(", ")})` : ""}.`,
      option,
    );
  }
  if (!holdsValues(found)) {
    throw new InputError(
      "unknown-precision",
      `${option} is ${shown(value)}, in which neither weights nor caches are kept: use fp16, bf16, fp32, fp8, int8 or int4.`,
      option,
    );
  }
  return found;
}

/**
 * The dtype that values have while they are computed with, for weights stored as `dtype`: quantised weights are
 * multiplied in 16 bits; what is stored in 16 or 32 bits is computed as it is.
 */
export function computeDtype(dtype: Dtype, stated: Dtype | undefined): Dtype {
  if (dtype === "fp32" || dtype === "fp16" || dtype === "bf16" || dtype === "fp64") return dtype;
  if (dtype === "tf32") return "fp32";
  return stated === "bf16" || stated === "fp16" ? stated : "fp16";
}
