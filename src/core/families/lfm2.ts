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
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { depthwise } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import { causalAttention, stackedLm } from "../towers/stacked-lm.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { checkedKinds, layerKinds } from "./mamba-config.ts";

/** Lfm2Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 65536,
    width: 2560,
    inner: 12288,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 128000,
    tied: true,
  }),
  // Older names, which win over the newer ones.
  tie_embedding: maybe(flag()),
  block_ff_dim: maybe(dimension()),
  conv_bias: or(flag(), false),
  conv_L_cache: or(dimension(), 3),
  block_multiple_of: or(count(), 256),
  block_ffn_dim_multiplier: or(decimal(), 1),
  block_auto_adjust_ff_dim: or(flag(), true),
  full_attn_idxs: maybe(list(integer(0, MAX_COUNT))),
  layer_types: maybe(list(text())),
}));

/** Two thirds of the stated inner width, scaled, rounded up to a multiple. */
function adjusted(inner: number, config: ReturnType<typeof read>): number {
  if (!config.block_auto_adjust_ff_dim) return inner;
  const scaled = Math.floor(config.block_ffn_dim_multiplier * Math.floor((2 * inner) / 3));
  return config.block_multiple_of * Math.ceil(scaled / config.block_multiple_of);
}

/** A gated convolution over a few positions; it remembers as many inputs as the kernel is long. */
const shortConvolution = (width: number, kernel: number, bias: boolean): Module =>
  module(
    "Lfm2ShortConv",
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

/** LFM2 (Liquid AI 2025): short convolutions, and attention in some layers. Source: `models/lfm2/modeling_lfm2.py`. */
export const lfm2 = decoderOnly({
  name: "lfm2",
  modelTypes: ["lfm2"],
  architectures: ["Lfm2ForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const { width, headDim } = sizes;
    const inner = adjusted(config.block_ff_dim ?? sizes.inner, config);
    const kinds =
      config.layer_types &&
      checkedKinds(
        layerKinds(config.layer_types),
        sizes.layers,
        ["full_attention", "conv"],
        "layer_types",
        context,
      );
    const listed = config.full_attn_idxs && new Set(config.full_attn_idxs);
    const attends = (index: number) =>
      kinds ? kinds[index] === "full_attention" : (listed?.has(index) ?? true);
    const norm = (name: string, size = width) => rmsNorm(name, size, "Lfm2RMSNorm");
    const layers = (attention: boolean, mixer: Module) =>
      stack(
        those(sizes.layers, (index) => attends(index) === attention),
        module(
          "Lfm2DecoderLayer",
          "layers",
          [
            mixer,
            gatedFeedForward("Lfm2MLP", "feed_forward", width, inner, {
              names: ["w1", "w3", "w2"],
            }),
            norm("operator_norm"),
            norm("ffn_norm"),
          ],
          { op: { kind: "layer", width, blocks: [{ run: mixer.name }, { run: "feed_forward" }] } },
        ),
      );
    return {
      ...stackedLm(
        {
          classes: "Lfm2",
          vocab: sizes.vocab,
          width,
          tied: config.tie_embedding ?? sizes.tied,
          layers: [
            layers(false, shortConvolution(width, config.conv_L_cache, config.conv_bias)),
            layers(
              true,
              causalAttention("Lfm2", sizes, {
                names: [
                  ["q", "q_proj"],
                  ["k", "k_proj"],
                  ["v", "v_proj"],
                  ["o", "out_proj"],
                ],
                extra: [norm("q_layernorm", headDim), norm("k_layernorm", headDim)],
              }),
            ),
          ],
          norm: "embedding_norm",
          rotary: headDim,
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});
