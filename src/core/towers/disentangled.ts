import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { ConvFrontEnd } from "../tree/op.ts";
import { bertLayer } from "./bert.ts";

/** Fields that decide what disentangled attention is made of, by their names in the configs that have it. */
export interface DisentangledConfig {
  readonly max_position_embeddings: number;
  readonly max_relative_positions: number;
  readonly position_buckets: number;
  readonly share_att_key: boolean;
  readonly relative_attention: boolean;
  readonly pos_att_type: readonly string[];
  readonly norm_rel_ebd: string;
  readonly conv_kernel_size: number;
  readonly conv_groups?: number | undefined;
}

interface Encoder {
  /** Prefix of the class names: "SEWD", "DebertaV2". */
  readonly classes: string;
  readonly class: string;
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly entry?: ConvFrontEnd;
}

/** DeBERTa's encoder (He et al. 2020): scores from contents and from relative positions, whose table all layers share. */
export function disentangledEncoder(config: DisentangledConfig, encoder: Encoder): Module {
  const { classes, width, inner, layers, heads, entry } = encoder;
  const relative = config.relative_attention;
  const furthest =
    config.max_relative_positions < 1
      ? config.max_position_embeddings
      : config.max_relative_positions;
  const reach = config.position_buckets > 0 ? config.position_buckets : furthest;
  const own = relative && !config.share_att_key ? config.pos_att_type : [];
  const project = (kind: string, name: string): Module[] =>
    own.includes(kind)
      ? [linear(name, width, width, { divide: { by: "columns", units: heads } })]
      : [];
  const kernel = config.conv_kernel_size;
  const norms = config.norm_rel_ebd.toLowerCase().split("|");
  const layer = bertLayer({
    classes,
    selfClass: "DisentangledSelfAttention",
    names: [
      ["q", "query_proj"],
      ["k", "key_proj"],
      ["v", "value_proj"],
    ],
    width,
    inner,
    heads,
    scores: "scaled-copy",
    extra: [...project("c2p", "pos_key_proj"), ...project("p2c", "pos_query_proj")],
    ...(relative && { attention: { relative: { kind: "keys", shared: true }, always: "eager" } }),
    norms: "after",
  });
  return module(
    encoder.class,
    "encoder",
    [
      stack(upTo(layers), layer),
      relative ? embedding("rel_embeddings", 2 * reach, width) : undefined,
      norms.some((norm) => norm.trim() === "layer_norm")
        ? layerNorm("LayerNorm", width)
        : undefined,
      kernel > 0
        ? module("ConvLayer", "conv", [
            conv1d("conv", width, width, kernel, { groups: config.conv_groups ?? 1 }),
            layerNorm("LayerNorm", width),
          ])
        : undefined,
    ],
    { op: { kind: "tower", side: "encoder", width, ...(entry && { entry }) } },
  );
}
