import { BLOCKS, type GgufType } from "./gguf-types.ts";
import type { Weight } from "./scheme.ts";

/** The type that a mixture takes where nothing more particular is said (llama-quant.cpp, llama_model_quantize_impl). */
export const MIXES = {
  Q4_0: "Q4_0",
  Q4_1: "Q4_1",
  Q5_0: "Q5_0",
  Q5_1: "Q5_1",
  Q8_0: "Q8_0",
  Q2_K: "Q2_K",
  Q2_K_S: "Q2_K",
  Q3_K_S: "Q3_K",
  Q3_K_M: "Q3_K",
  Q3_K_L: "Q3_K",
  Q4_K_S: "Q4_K",
  Q4_K_M: "Q4_K",
  Q5_K_S: "Q5_K",
  Q5_K_M: "Q5_K",
  Q6_K: "Q6_K",
  IQ1_S: "IQ1_S",
  IQ1_M: "IQ1_M",
  IQ2_XXS: "IQ2_XXS",
  IQ2_XS: "IQ2_XS",
  IQ2_S: "IQ2_XS",
  IQ2_M: "IQ2_S",
  IQ3_XXS: "IQ3_XXS",
  IQ3_XS: "IQ3_S",
  IQ3_S: "IQ3_S",
  IQ3_M: "IQ3_S",
  IQ4_NL: "IQ4_NL",
  IQ4_XS: "IQ4_XS",
  TQ1_0: "TQ1_0",
  TQ2_0: "TQ2_0",
  MXFP4_MOE: "MXFP4",
} as const satisfies Record<string, GgufType>;
export type MixName = keyof typeof MIXES;

const VERY_SMALL: ReadonlySet<MixName> = new Set([
  "IQ1_S",
  "IQ1_M",
  "IQ2_XXS",
  "IQ2_XS",
  "IQ2_S",
  "IQ2_M",
] as const);
const isIq2S = (mix: MixName): boolean => mix === "IQ2_S" || mix === "IQ2_M";

/** What llama.cpp calls a tensor, by what the reference implementation calls the module. */
const PARTS = {
  v: /(^|\.)(v|v_proj|value)$/,
  k: /(^|\.)(k|k_proj|key)$/,
  q: /(^|\.)(q|q_proj|query)$/,
  o: /(^|\.)(o|o_proj|out_proj|dense|c_proj|wo)$/,
  qkv: /(^|\.)(qkv_proj|qkv|query_key_value|c_attn|Wqkv)$/,
  down: /(^|\.)(down_proj|w2|fc2|fc_out|dense_4h_to_h|c_proj|output_linear)$/,
  gateOrUp: /(^|\.)(gate_proj|up_proj|gate_up_proj|w1|w3|v1)$/,
} as const;

/** Mixtral, for whose eight experts llama.cpp has rules of their own. */
const EIGHT = 8;
/** `LLM_TYPE_70B`: 80 layers. */
const LAYERS_OF_70B = 80;

/** llama_tensor_get_type: the type of one tensor in a mixture. */
export function mixed(mix: MixName, weight: Weight): GgufType {
  const usual: GgufType = MIXES[mix];
  const { role } = weight;
  if (role === "head") return output(mix, usual, weight);
  if (mix === "MXFP4_MOE") return role === "experts" ? "MXFP4" : "Q8_0";
  if (role === "embedding") return embedded(mix, usual, weight);
  const group = weight.attention ? weight.attention.heads / weight.attention.kvHeads : 1;
  const is = (part: keyof typeof PARTS) => PARTS[part].test(weight.name);
  if (weight.attention && is("v")) return values(mix, usual, weight, group);
  if (weight.attention && is("k")) return keys(mix, usual, weight);
  if (weight.attention && is("q"))
    return mix === "IQ3_XS" ? "IQ3_XXS" : mix === "IQ3_XXS" ? "IQ2_S" : usual;
  if (weight.attention && is("o")) return outputs(mix, usual, weight);
  if (is("qkv")) return fused(mix, usual);
  if (is("down")) return down(mix, usual, weight);
  const { layer, layers } = weight;
  const middle = layer >= Math.floor(layers / 8) && layer < Math.floor((7 * layers) / 8);
  return mix === "IQ3_XS" && middle && is("gateOrUp") ? "IQ3_XXS" : usual;
}

function output(mix: MixName, usual: GgufType, { shape }: Weight): GgufType {
  if ((shape.at(-1) ?? 0) % BLOCKS[usual].size !== 0) return "Q8_0";
  if (VERY_SMALL.has(mix) || mix === "IQ3_XXS") return "Q5_K";
  return usual === "Q8_0" || mix === "MXFP4_MOE" ? "Q8_0" : "Q6_K";
}

/** A token table that is the head too is stored as the head would be. */
function embedded(mix: MixName, usual: GgufType, weight: Weight): GgufType {
  if (weight.tied) return output(mix, usual, weight);
  if (isIq2S(mix) || mix === "IQ3_XXS") return "IQ3_S";
  if (VERY_SMALL.has(mix)) return "Q2_K";
  return mix === "TQ1_0" || mix === "TQ2_0" ? "Q4_K" : usual;
}

/** use_more_bits: the first and the last eighth, and every third layer between. */
function moreBits({ layer, layers }: Weight): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

function values(mix: MixName, usual: GgufType, weight: Weight, group: number): GgufType {
  const { layer, layers, experts } = weight;
  const shared = group >= 4;
  if (VERY_SMALL.has(mix)) return shared || experts >= 4 ? "Q4_K" : isIq2S(mix) ? "IQ3_S" : "Q2_K";
  if (experts === EIGHT) return "Q8_0";
  const chosen = ((): GgufType => {
    switch (mix) {
      case "Q2_K":
        return shared ? "Q4_K" : "Q3_K";
      case "Q2_K_S":
      case "IQ3_XXS":
      case "IQ3_XS":
      case "IQ3_S":
        return shared ? "Q4_K" : usual;
      case "IQ3_M":
        return "Q4_K";
      case "Q3_K_M":
        return layer < 2 ? "Q5_K" : "Q4_K";
      case "Q3_K_L":
        return "Q5_K";
      case "IQ4_NL":
      case "IQ4_XS":
        return shared ? "Q5_K" : usual;
      case "Q4_K_M":
      case "Q5_K_M":
        return moreBits(weight) ? "Q6_K" : usual;
      case "Q4_K_S":
        return layer < 4 ? "Q5_K" : usual;
      default:
        return usual;
    }
  })();
  const big = layers === LAYERS_OF_70B && group > 1;
  return big && (chosen === "Q3_K" || chosen === "Q4_K") ? "Q5_K" : chosen;
}

function keys(mix: MixName, usual: GgufType, { experts }: Weight): GgufType {
  if (experts === EIGHT) return VERY_SMALL.has(mix) ? "Q4_K" : "Q8_0";
  return mix === "IQ3_XS" ? "IQ3_XXS" : mix === "IQ3_XXS" ? "IQ2_S" : usual;
}

const LIFTED_WITH_EIGHT: ReadonlySet<MixName> = new Set([
  "Q2_K",
  "IQ3_XS",
  "IQ3_XXS",
  "Q3_K_S",
  "Q3_K_M",
  "IQ4_NL",
  "Q4_K_S",
  "Q4_K_M",
  "IQ3_S",
  "IQ3_M",
  "IQ4_XS",
] as const);

function outputs(mix: MixName, usual: GgufType, { experts }: Weight): GgufType {
  if (experts === EIGHT) return VERY_SMALL.has(mix) || LIFTED_WITH_EIGHT.has(mix) ? "Q5_K" : usual;
  const lifted: Partial<Record<MixName, GgufType>> = {
    IQ1_S: "IQ2_XXS",
    IQ1_M: "IQ2_XXS",
    IQ2_S: "IQ3_S",
    IQ2_M: "IQ3_S",
    Q2_K: "Q3_K",
    IQ3_XXS: "IQ3_S",
    Q3_K_M: "Q4_K",
    Q3_K_L: "Q5_K",
    IQ3_M: "Q4_K",
  };
  return lifted[mix] ?? usual;
}

function fused(mix: MixName, usual: GgufType): GgufType {
  if (mix === "Q3_K_M" || mix === "Q3_K_L" || mix === "IQ3_M") return "Q4_K";
  return mix === "Q4_K_M" ? "Q5_K" : mix === "Q5_K_M" ? "Q6_K" : usual;
}

function down(mix: MixName, usual: GgufType, weight: Weight): GgufType {
  const { layer, layers, experts } = weight;
  const first = layer < Math.floor(layers / 8);
  if (VERY_SMALL.has(mix)) return first ? (isIq2S(mix) ? "IQ3_S" : "Q2_K") : usual;
  switch (mix) {
    case "Q2_K":
      return "Q3_K";
    case "Q2_K_S":
      return first ? "Q4_K" : usual;
    case "Q3_K_M":
      return layer < Math.floor(layers / 16) ? "Q5_K" : "Q4_K";
    case "IQ3_M":
      return first || (experts === EIGHT && moreBits(weight)) ? "Q4_K" : usual;
    case "Q3_K_L":
      return "Q5_K";
    case "Q4_K_M":
    case "Q5_K_M":
      return moreBits(weight) ? "Q6_K" : usual;
    case "Q4_K_S":
      return first ? "Q5_K" : usual;
    default:
      return usual;
  }
}
