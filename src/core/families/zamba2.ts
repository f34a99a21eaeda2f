import {
  count,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  orNull,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { linear } from "../layers/linear.ts";
import { mamba2Mixer } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import { PROJECTIONS } from "../towers/causal-lm.ts";
import { stackedLm } from "../towers/stacked-lm.ts";
import { ranges } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { tied } from "../tree/tie.ts";
import { decoderOnly } from "./decoder-only.ts";
import type { Context } from "./family.ts";
import { checkedKinds, derivedHeadDim, layerKinds } from "./mamba-config.ts";

/** Zamba2Config (transformers 5.18). */
const read = reader(() => ({
  chunk_size: or(dimension(), 256),
  vocab_size: or(dimension(), 32000),
  max_position_embeddings: or(positions(), 4096),
  use_long_context: or(flag(), false),
  hidden_size: or(dimension(), 2560),
  num_hidden_layers: or(count(), 54),
  layers_block_type: maybe(list(text())),
  hybrid_layer_ids: maybe(list(integer(0, 100_000))),
  mamba_d_state: or(dimension(), 64),
  mamba_d_conv: or(dimension(), 4),
  mamba_expand: or(dimension(), 2),
  mamba_ngroups: or(dimension(), 1),
  n_mamba_heads: or(dimension(), 8),
  mamba_headdim: maybe(dimension()),
  add_bias_linear: or(flag(), false),
  intermediate_size: maybe(dimension()),
  num_attention_heads: or(dimension(), 32),
  num_key_value_heads: or(orNull(dimension()), null),
  attention_hidden_size: maybe(dimension()),
  attention_head_dim: maybe(dimension()),
  num_mem_blocks: or(count(), 1),
  use_shared_attention_adapter: or(flag(), false),
  adapter_rank: or(dimension(), 128),
  use_mem_rope: or(flag(), false),
  tie_word_embeddings: or(flag(), true),
}));
type Config = ReturnType<typeof read>;

/** Zamba2Config's own order of layers, where a config states none: that of the 2.7B model. */
function defaultKinds(): readonly string[] {
  const run = (mamba: number) => [...Array<string>(mamba).fill("linear_attention"), "hybrid"];
  return [1, 2, 3, 4, 5, 6, 7]
    .reduce<string[]>((kinds) => [...kinds, ...run(5)], ["linear_attention"])
    .concat(run(4), run(3), ["linear_attention", "linear_attention"]);
}

/** A matrix of low rank in two factors, for one use of a shared block. */
const adapter = (name: string, inputs: number, rank: number, outputs: number): Module =>
  module("Sequential", name, [
    linear("0", inputs, rank, { bias: false }),
    linear("1", rank, outputs, { bias: false }),
  ]);

/** The transformer block that several layers share, with an adapter for each of its uses. */
function sharedBlock(config: Config, uses: readonly number[]): Module {
  const width = config.hidden_size;
  const wide = config.attention_hidden_size ?? 2 * width;
  const heads = config.num_attention_heads;
  const inner = config.intermediate_size ?? 4 * width;
  const rank = config.adapter_rank;
  const forEachUse = (name: string, inputs: number, outputs: number) =>
    stack(ranges(uses), adapter(name, inputs, rank, outputs));
  const norm = (name: string, size: number) => rmsNorm(name, size, "Zamba2RMSNorm");
  const adapters = config.use_shared_attention_adapter
    ? ["q", "k", "v"].map((which) => forEachUse(`linear_${which}_adapter_list`, wide, wide))
    : [];
  return module(
    "Zamba2AttentionDecoderLayer",
    "shared_transformer",
    [
      attention("Zamba2Attention", "self_attn", {
        width: wide,
        outputs: width,
        heads,
        kvHeads: config.num_key_value_heads ?? heads,
        headDim: config.attention_head_dim ?? Math.floor((2 * width) / heads),
        names: PROJECTIONS,
        bias: false,
        extra: adapters.filter((list) => list !== undefined),
        span: { kind: "causal" },
        scores: "fp32-softmax",
        cached: true,
      }),
      module(
        "Zamba2MLP",
        "feed_forward",
        [
          linear("gate_up_proj", width, 2 * inner, {
            bias: config.add_bias_linear,
            divide: { by: "columns", units: inner },
          }),
          linear("down_proj", inner, width, {
            bias: config.add_bias_linear,
            divide: { by: "rows" },
          }),
          forEachUse("gate_up_proj_adapter_list", width, 2 * inner),
        ],
        { op: { kind: "feed-forward", width, inner, gated: true, keepsGate: true } },
      ),
      norm("input_layernorm", wide),
      norm("pre_ff_layernorm", width),
    ],
    { op: { kind: "layer", width: wide, blocks: [{ run: "self_attn" }, { run: "feed_forward" }] } },
  );
}

function mambaLayer(config: Config, name: string, context: Context): Module {
  const width = config.hidden_size;
  const inner = config.mamba_expand * width;
  const mixer = mamba2Mixer("Zamba2MambaMixer", "mamba", {
    chunk: config.chunk_size,
    width,
    inner,
    heads: config.n_mamba_heads,
    headDim: derivedHeadDim(
      config.mamba_headdim ?? "auto",
      inner,
      config.n_mamba_heads,
      ["n_mamba_heads", "mamba_headdim"],
      context,
    ),
    groups: config.mamba_ngroups,
    state: config.mamba_d_state,
    kernel: config.mamba_d_conv,
    bias: config.add_bias_linear,
    convBias: true,
    norm: "Zamba2RMSNormGated",
  });
  return module(
    "Zamba2MambaDecoderLayer",
    name,
    [mixer, rmsNorm("input_layernorm", width, "Zamba2RMSNorm")],
    { op: { kind: "layer", width, blocks: [{ run: "mamba" }] } },
  );
}

/**
 * Layers in which a shared block runs before Mamba. Each of the `num_mem_blocks` blocks belongs to the layer that uses it
 * first and is tied in the layers after it, unless the config ties nothing.
 */
function hybridLayers(
  config: Config,
  hybrids: readonly number[],
  path: string,
  context: Context,
): (Module | undefined)[] {
  const blocks = config.num_mem_blocks;
  const listed = config.hybrid_layer_ids?.length ?? hybrids.length;
  const width = config.hidden_size;
  const layer = (shared: Module): Module =>
    module("Zamba2HybridLayer", "layers", [
      linear("linear", width, width, { bias: false }),
      mambaLayer(config, "mamba_decoder", context),
      shared,
    ]);
  return hybrids.slice(0, blocks).flatMap((first, block) => {
    const uses = Array.from({ length: listed }, (_, i) => i).filter((i) => i % blocks === block);
    const shared = sharedBlock(config, uses);
    const others = ranges(hybrids.filter((_, i) => i > block && i % blocks === block));
    const again = config.tie_word_embeddings
      ? tied(shared, `${path}.layers.${first}.shared_transformer`)
      : shared;
    return [stack([[first, first]], layer(shared)), stack(others, layer(again))];
  });
}

/**
 * Zamba 2 (Glorioso et al. 2024): Mamba 2 layers, before some of which one of a few shared transformer blocks runs, with
 * adapters of its own for each use. Source: `models/zamba2/modeling_zamba2.py`.
 */
export const zamba2 = decoderOnly({
  name: "zamba2",
  modelTypes: ["zamba2"],
  architectures: ["Zamba2ForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const kinds = checkedKinds(
      layerKinds(config.layers_block_type ?? defaultKinds()),
      config.num_hidden_layers,
      ["linear_attention", "hybrid"],
      "layers_block_type",
      context,
    );
    const at = (kind: string) => kinds.flatMap((own, index) => (own === kind ? [index] : []));
    const heads = config.num_attention_heads;
    const headDim = config.attention_head_dim ?? Math.floor((2 * config.hidden_size) / heads);
    return {
      ...stackedLm(
        {
          classes: "Zamba2",
          vocab: config.vocab_size,
          width: config.hidden_size,
          tied: config.tie_word_embeddings,
          layers: [
            stack(ranges(at("linear_attention")), mambaLayer(config, "layers", context)),
            ...hybridLayers(config, at("hybrid"), place.backbone, context),
          ],
          norm: "final_layernorm",
          rotary: config.use_mem_rope ? headDim : undefined,
        },
        place,
      ),
      maxPositions: config.use_long_context ? 16384 : config.max_position_embeddings,
    };
  },
});
