import { count, dimension, flag, integer, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";

/** Blip2QFormerConfig (transformers 5.18). */
export const readQFormer = reader(() => ({
  hidden_size: or(dimension(), 768),
  num_hidden_layers: or(count(), 12),
  num_attention_heads: or(dimension(), 12),
  intermediate_size: or(dimension(), 3072),
  cross_attention_frequency: or(integer(1, 1000), 2),
  encoder_hidden_size: or(dimension(), 1408),
  use_qformer_text_input: or(flag(), false),
}));
type QFormerConfig = ReturnType<typeof readQFormer>;

/**
 * BLIP-2's Q-Former (Li et al. 2023): a BERT encoder over learned queries; every `cross_attention_frequency`-th layer
 * also attends to the encoder's output. Source: transformers 5.18, `models/blip_2/modeling_blip_2.py`.
 */
export function qformer(name: string, config: QFormerConfig): Module {
  const every = config.cross_attention_frequency;
  const layers = config.num_hidden_layers;
  return module("Blip2QFormerModel", name, [
    layerNorm("layernorm", config.hidden_size),
    module("Blip2QFormerEncoder", "encoder", [
      stack(
        those(layers, (index) => index % every === 0),
        layer(config, true),
      ),
      stack(
        those(layers, (index) => index % every !== 0),
        layer(config, false),
      ),
    ]),
  ]);
}

function layer(config: QFormerConfig, crosses: boolean): Module {
  const { hidden_size: width, intermediate_size: inner } = config;
  const dense = (className: string, name: string, inputs: number) =>
    module(className, name, [linear("dense", inputs, width), layerNorm("LayerNorm", width)]);
  const attend = (name: string, over: "self" | "cross") =>
    module("Blip2QFormerAttention", name, [
      attention("Blip2QFormerMultiHeadAttention", "attention", {
        width,
        heads: config.num_attention_heads,
        names: [
          ["q", "query"],
          ["k", "key"],
          ["v", "value"],
        ],
        over,
        sourceWidth: config.encoder_hidden_size,
        span: { kind: "full" },
        scores: "scaled-copy",
        cached: false,
      }),
      dense("Blip2QFormerSelfOutput", "output", width),
    ]);
  const feedForward = (suffix: string) => [
    module("Blip2QFormerIntermediate", `intermediate${suffix}`, [linear("dense", width, inner)]),
    dense("Blip2QFormerOutput", `output${suffix}`, inner),
  ];
  return module("Blip2QFormerLayer", "layer", [
    attend("attention", "self"),
    ...(crosses ? [attend("crossattention", "cross")] : []),
    ...(config.use_qformer_text_input ? feedForward("") : []),
    ...feedForward("_query"),
  ]);
}
