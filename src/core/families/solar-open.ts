import { count, dimension, flag, or, reader } from "../config/schema.ts";
import { decoderFields, rotatedValues } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";
import { sharedExperts } from "./shared-experts.ts";

/** SolarOpenConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 196608,
    width: 4096,
    // The class has none: every layer has experts.
    inner: 1280,
    layers: 48,
    heads: 64,
    kvHeads: 8,
    headDim: 128,
    maxPositions: 131072,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  n_routed_experts: or(count(), 128),
  n_shared_experts: or(count(0), 1),
  num_experts_per_tok: or(count(), 8),
  moe_intermediate_size: or(dimension(), 1280),
}));

/** Upstage's Solar Open: DeepSeek-V3's experts in every layer. Source: `models/solar_open/modeling_solar_open.py`. */
export const solarOpen = llamaLike({
  name: "solar_open",
  modelTypes: ["solar_open"],
  architectures: ["SolarOpenForCausalLM"],
  purpose: "text generation",
  names: { num_local_experts: "n_routed_experts" },
  read,
  habits: (config, { sizes: { width, headDim }, raw, context }) => ({
    classes: "SolarOpen",
    bias: { qkv: config.attention_bias },
    rotated: rotatedValues(headDim, raw, context, 1),
    feedForward: sharedExperts(width, config, { classes: "SolarOpen" }),
  }),
});
