/**
 * Weights in a block and bytes that it takes, scales and minima included.
 * Source: ggml/src/ggml-common.h, the `block_*` structs, and gguf-py's GGML_QUANT_SIZES.
 */
export const BLOCKS = {
  F32: { size: 1, bytes: 4 },
  F16: { size: 1, bytes: 2 },
  BF16: { size: 1, bytes: 2 },
  Q4_0: { size: 32, bytes: 18 },
  Q4_1: { size: 32, bytes: 20 },
  Q5_0: { size: 32, bytes: 22 },
  Q5_1: { size: 32, bytes: 24 },
  Q8_0: { size: 32, bytes: 34 },
  MXFP4: { size: 32, bytes: 17 },
  IQ4_NL: { size: 32, bytes: 18 },
  Q2_K: { size: 256, bytes: 84 },
  Q3_K: { size: 256, bytes: 110 },
  Q4_K: { size: 256, bytes: 144 },
  Q5_K: { size: 256, bytes: 176 },
  Q6_K: { size: 256, bytes: 210 },
  IQ1_S: { size: 256, bytes: 50 },
  IQ1_M: { size: 256, bytes: 56 },
  IQ2_XXS: { size: 256, bytes: 66 },
  IQ2_XS: { size: 256, bytes: 74 },
  IQ2_S: { size: 256, bytes: 82 },
  IQ3_XXS: { size: 256, bytes: 98 },
  IQ3_S: { size: 256, bytes: 110 },
  IQ4_XS: { size: 256, bytes: 136 },
  TQ1_0: { size: 256, bytes: 54 },
  TQ2_0: { size: 256, bytes: 66 },
} as const;

export type GgufType = keyof typeof BLOCKS;
