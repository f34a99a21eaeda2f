import {
  count,
  decimal,
  dimension,
  flag,
  integer,
  list,
  MAX_COUNT,
  maybe,
  or,
  reader,
  text,
} from "../config/schema.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { depthwise } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import type { LanguageModel, Place } from "../towers/causal-lm.ts";
import { causalAttention, stackedLm } from "../towers/stacked-lm.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import type { Context } from "./family.ts";
import { checkedKinds, layerKinds } from "./mamba-config.ts";

const commonFields = (width: number, inner: number) => ({
  ...decoderFields({
    vocab: 65536,
    width,
    inner,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 128000,
    tied: true,
  }),
  // An older name, which wins over the newer one.
  tie_embedding: maybe(flag()),
  conv_bias: or(flag(), false),
  conv_L_cache: or(dimension(), 3),
  layer_types: maybe(list(text())),
});

/** Lfm2Config (transformers 5.18). */
const read = reader(() => ({
  ...commonFields(2560, 12288),
  block_ff_dim: maybe(dimension()),
  block_multiple_of: or(count(), 256),
  block_ffn_dim_multiplier: or(decimal(), 1),
  block_auto_adjust_ff_dim: or(flag(), true),
  full_attn_idxs: maybe(list(integer(0, MAX_COUNT))),
}));

/** Two thirds of the stated inner width, scaled, rounded up to a multiple. */
function adjusted(inner: number, config: ReturnType<typeof read>): number {
  if (!config.block_auto_adjust_ff_dim) return inner;
  const scaled = Math.floor(config.block_ffn_dim_multiplier * Math.floor((2 * inner) / 3));
  return config.block_multiple_of * Math.ceil(scaled / config.block_multiple_of);
}

/** Lfm2MoeConfig (transformers 5.18). */
const readMoe = reader(() => ({
  ...commonFields(2048, 7168),
  layer_types: list(text()),
  moe_intermediate_size: or(dimension(), 1792),
  num_dense_layers: or(count(0), 2),
  num_experts_per_tok: or(count(), 4),
  num_experts: or(count(), 32),
  use_expert_bias: or(flag(), true),
}));

/** A gated convolution over a few positions; it remembers as many inputs as the kernel is long. */
const shortConvolution = (classes: string, width: number, kernel: number, bias: boolean): Module =>
  module(
    `${classes}ShortConv`,
    "conv",
    [
      depthwise("conv", width, kernel, bias),
      linear("in_proj", width, 3 * width, { bias, divide: { by: "columns", units: width } }),
      linear("out_proj", width, width, { bias, divide: { by: "rows" } }),
    ],
    {
      state: {
        kind: "recurrent",
        parts: [{ name: "convolution", shape: [width, kernel], units: width }],
      },
    },
  );

interface Habits {
  readonly classes: string;
  /** Name of the rotary tables. */
  readonly rotary: string;
  readonly attends: (index: number) => boolean;
  readonly feedForwards: readonly {
    readonly module: Module;
    readonly holds: (index: number) => boolean;
  }[];
}

function convolutionsAndAttention(
  config: ReturnType<typeof readMoe> | ReturnType<typeof read>,
  { classes, rotary, attends, feedForwards }: Habits,
  context: Context,
  place: Place,
): LanguageModel & { maxPositions: number } {
  const sizes = decoderSizes(config, context);
  const { width, headDim } = sizes;
  const norm = (name: string, size = width) => rmsNorm(name, size, `${classes}RMSNorm`);
  const layer = (mixer: Module, feedForward: Module) =>
    module(
      `${classes}DecoderLayer`,
      "layers",
      [mixer, feedForward, norm("operator_norm"), norm("ffn_norm")],
      { op: { kind: "layer", width, blocks: [{ run: mixer.name }, { run: "feed_forward" }] } },
    );
  const attend = causalAttention(classes, sizes, {
    names: [
      ["q", "q_proj"],
      ["k", "k_proj"],
      ["v", "v_proj"],
      ["o", "out_proj"],
    ],
    extra: [norm("q_layernorm", headDim), norm("k_layernorm", headDim)],
  });
  const convolve = shortConvolution(classes, width, config.conv_L_cache, config.conv_bias);
  return {
    ...stackedLm(
      {
        classes,
        vocab: sizes.vocab,
        width,
        tied: config.tie_embedding ?? sizes.tied,
        layers: feedForwards.flatMap(({ module: feedForward, holds }) =>
          [convolve, attend].map((mixer) =>
            stack(
              those(sizes.layers, (i) => holds(i) && attends(i) === (mixer === attend)),
              layer(mixer, feedForward),
            ),
          ),
        ),
        norm: "embedding_norm",
        rotary: headDim,
        rotaryName: rotary,
      },
      place,
    ),
    maxPositions: config.max_position_embeddings,
  };
}

/** Which layers attend, where a config lists every layer's kind. */
function statedKinds(
  config: {
    readonly layer_types?: readonly string[] | undefined;
    readonly num_hidden_layers: number;
  },
  context: Context,
): ((index: number) => boolean) | undefined {
  if (!config.layer_types) return undefined;
  const kinds = checkedKinds(
    layerKinds(config.layer_types),
    config.num_hidden_layers,
    ["full_attention", "conv"],
    "layer_types",
    context,
  );
  return (index) => kinds[index] === "full_attention";
}

const gated = (classes: string, width: number, inner: number): Module =>
  gatedFeedForward(`${classes}MLP`, "feed_forward", width, inner, { names: ["w1", "w3", "w2"] });

/** LFM2 (Liquid AI 2025): short convolutions, and attention in some layers. Source: `models/lfm2/modeling_lfm2.py`. */
export const lfm2 = decoderOnly({
  name: "lfm2",
  modelTypes: ["lfm2"],
  architectures: ["Lfm2ForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const inner = adjusted(config.block_ff_dim ?? config.intermediate_size, config);
    const listed = config.full_attn_idxs && new Set(config.full_attn_idxs);
    const habits: Habits = {
      classes: "Lfm2",
      rotary: "rotary_emb",
      attends: statedKinds(config, context) ?? ((index) => listed?.has(index) ?? true),
      feedForwards: [{ module: gated("Lfm2", config.hidden_size, inner), holds: () => true }],
    };
    return convolutionsAndAttention(config, habits, context, place);
  },
});

/** LFM2 with experts after the first few layers. Source: `models/lfm2_moe/modeling_lfm2_moe.py`. */
export const lfm2Moe = decoderOnly({
  name: "lfm2_moe",
  modelTypes: ["lfm2_moe"],
  architectures: ["Lfm2MoeForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = readMoe(raw, context);
    const { hidden_size: width, num_experts: experts, num_dense_layers: dense } = config;
    const routed = mixtureOfExperts("Lfm2MoeSparseMoeBlock", "feed_forward", {
      class: "Lfm2MoeExperts",
      width,
      inner: config.moe_intermediate_size,
      experts,
      perToken: config.num_experts_per_tok,
    });
    const balanced: Module = config.use_expert_bias
      ? {
          ...routed,
          buffers: [{ name: "expert_bias", shape: [experts], dtype: "fp32", persistent: true }],
        }
      : routed;
    const habits: Habits = {
      classes: "Lfm2Moe",
      rotary: "pos_emb",
      attends: statedKinds(config, context) ?? (() => false),
      feedForwards: [
        {
          module: gated("Lfm2Moe", width, config.intermediate_size),
          holds: (index) => index < dense,
        },
        { module: balanced, holds: (index) => index >= dense },
      ],
    };
    return convolutionsAndAttention(config, habits, context, place);
  },
});
