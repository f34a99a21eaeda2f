import { type MixName, mixed } from "./gguf-mixes.ts";
import { BLOCKS, type GgufType } from "./gguf-types.ts";
import { inLanguageModel } from "./rules.ts";
import { type Format, type Matrix, part, type Scheme, type Weight } from "./scheme.ts";

/**
 * Rows in blocks of one type. A last block that is not full is stored whole; llama.cpp falls back to another type there,
 * which {@link fitting} has done before.
 */
function blocks(type: GgufType): Format {
  const { size, bytes } = BLOCKS[type];
  const plain = size === 1;
  return {
    parts({ rows, columns, count }: Matrix) {
      const blocksOfRow = Math.ceil(columns / size);
      return [
        plain
          ? part("parameters", rows * columns * count, bytes, type)
          : part(`blocks of ${size}`, rows * blocksOfRow * count, bytes, type),
      ];
    },
    ...(plain && { plain: true as const }),
  };
}

const formats = new Map<GgufType, Format>();
function formatOf(type: GgufType): Format {
  const known = formats.get(type) ?? blocks(type);
  formats.set(type, known);
  return known;
}

/** llama-quant.cpp: types that stand in where a row is no whole number of blocks. */
const FALLBACK: Partial<Record<GgufType, GgufType>> = {
  TQ1_0: "Q4_0",
  TQ2_0: "Q4_0",
  IQ2_XXS: "IQ4_NL",
  IQ2_XS: "IQ4_NL",
  IQ2_S: "IQ4_NL",
  IQ3_XXS: "IQ4_NL",
  IQ3_S: "IQ4_NL",
  IQ1_S: "IQ4_NL",
  IQ1_M: "IQ4_NL",
  Q2_K: "IQ4_NL",
  Q3_K: "IQ4_NL",
  IQ4_XS: "IQ4_NL",
  Q4_K: "Q5_0",
  Q5_K: "Q5_1",
  Q6_K: "Q8_0",
};

function fitting(type: GgufType, columns: number): GgufType {
  if (columns % BLOCKS[type].size === 0) return type;
  const other = FALLBACK[type];
  return other && columns % BLOCKS[other].size === 0 ? other : "F16";
}

/**
 * GGUF: matrices and token tables of the language model in blocks, vectors, convolutions and routers in fp32. What stands
 * beside the language model (`mmproj`) is a file of its own and stays in 16 bits.
 * @param mix a mixture of types as llama.cpp's `quantize` makes it, or one type for every matrix
 */
export function gguf(mix: MixName | GgufType, uniform: boolean): Scheme {
  return {
    name: `GGUF ${mix}`,
    basis: uniform ? "exact" : "rule",
    source: uniform
      ? "ggml/src/ggml-common.h: sizes of the blocks"
      : "llama.cpp, src/llama-quant.cpp, llama_tensor_get_type: the type of each tensor; made with an importance matrix for IQ types",
    differs: ({ role }) => !uniform && (role === "linear" || role === "experts"),
    formatOf(weight: Weight) {
      if (!inLanguageModel(weight)) return undefined;
      const { role, shape } = weight;
      if (role === "other" || role === "router") return formatOf("F32");
      if (role === "embedding" && /pos|wpe|relative|type/.test(weight.name)) return formatOf("F32");
      const columns = shape.at(-1) ?? 1;
      const wanted = uniform ? (mix as GgufType) : mixed(mix as MixName, weight);
      return formatOf(fitting(wanted, columns));
    },
  };
}
