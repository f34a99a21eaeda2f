import type { RawConfig } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  positions,
  reader,
} from "../config/schema.ts";
import { embedding } from "../layers/embedding.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { causalLm, type DecoderHabits, type Place } from "../towers/causal-lm.ts";
import { type LayerVariant, slidingVariants } from "../towers/layer-variants.ts";
import { those, upTo } from "../tree/indices.ts";
import { type Module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { languagePart } from "./decoder-only.ts";
import type { Context, LanguagePart } from "./family.ts";

interface Recipe {
  readonly classes: string;
  readonly own?: NonNullable<DecoderHabits["own"]>;
  readonly defaults: Parameters<typeof decoderFields>[0];
  /** Defaults of the experts; undefined: every layer is dense. */
  readonly experts?: { readonly inner: number; readonly count: number; readonly perToken: number };
  /** Whether every layer has experts, and a shared one beside them (the talker), whatever the config says. */
  readonly shared?: boolean;
  /** Class prefix of the experts, where it is not that of the layers. */
  readonly expertClasses?: string;
  /** Where a `sliding_window` counts: in every layer, or from `max_window_layers` on, by default this one. */
  readonly slides?: "all" | { readonly from: number };
  readonly tables?: (width: number, vocab: number) => readonly (Module | undefined)[];
}

/**
 * Qwen 3's language model, dense or with experts, inside a bigger one.
 * Source: transformers 5.18, `models/{qwen3_vl,qwen3_vl_moe,qwen3_omni_moe}/modeling_*.py`.
 */
function qwen3Text(recipe: Recipe) {
  const { classes, defaults, experts = { inner: 1, count: 0, perToken: 1 } } = recipe;
  const read = reader(() => ({
    ...decoderFields(defaults),
    attention_bias: or(flag(), false),
    sliding_window: maybe(positions()),
    max_window_layers: or(count(0), typeof recipe.slides === "object" ? recipe.slides.from : 0),
    decoder_sparse_step: or(integer(1, 1000), 1),
    moe_intermediate_size: or(dimension(), experts.inner),
    // Some of the classes keep the first under the second's name.
    num_experts: or(count(0), experts.count),
    num_local_experts: maybe(count(0)),
    num_experts_per_tok: or(count(), experts.perToken),
    mlp_only_layers: or(list(integer(0, 100_000)), []),
  }));
  return (raw: RawConfig, context: Context, place: Place): LanguagePart & { inner: number } => {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const bias = config.attention_bias;
    const window = recipe.slides === undefined ? undefined : config.sliding_window;
    const from = recipe.slides === "all" ? 0 : config.max_window_layers;
    const span: Pick<LayerVariant, "span"> =
      window === undefined ? {} : { span: { kind: "window", size: window, causal: true } };
    const all = upTo(sizes.layers);
    const number = recipe.experts ? (config.num_local_experts ?? config.num_experts) : 0;
    const block = () =>
      expertBlock(recipe, {
        width: sizes.width,
        inner: config.moe_intermediate_size,
        experts: number,
        perToken: config.num_experts_per_tok,
        shared: recipe.shared ? sharedWidth(raw, context) : undefined,
      });
    const denseLayers = new Set(config.mlp_only_layers);
    const sparse = (index: number) =>
      number > 0 && !denseLayers.has(index) && (index + 1) % config.decoder_sparse_step === 0;
    const variants: readonly LayerVariant[] = recipe.shared
      ? [{ indices: all, feedForward: block(), ...span }]
      : number === 0
        ? slidingVariants(sizes.layers, window ?? null, (index) => index >= from)
        : [
            { indices: those(sizes.layers, sparse), feedForward: block(), ...span },
            { indices: those(sizes.layers, (index) => !sparse(index)), ...span },
          ];
    const built = {
      ...causalLm(
        sizes,
        {
          classes,
          ...(recipe.own && { own: recipe.own }),
          bias: { qkv: bias, o: bias },
          normedHeads: true,
          variants,
          ...(recipe.tables && { tables: recipe.tables(sizes.width, sizes.vocab) }),
        },
        place,
      ),
      inner: sizes.inner,
      maxPositions: config.max_position_embeddings,
    };
    return languagePart(built, raw, context);
  };
}

const readShared = reader(() => ({ shared_expert_intermediate_size: dimension() }));
const sharedWidth = (raw: RawConfig, context: Context): number =>
  readShared(raw, context).shared_expert_intermediate_size;

function expertBlock(
  { classes, expertClasses = classes }: Recipe,
  sizes: {
    readonly width: number;
    readonly inner: number;
    readonly experts: number;
    readonly perToken: number;
    readonly shared: number | undefined;
  },
): Module {
  const { width, inner, experts, perToken, shared } = sizes;
  return mixtureOfExperts(`${expertClasses}SparseMoeBlock`, "mlp", {
    class: `${expertClasses}Experts`,
    width,
    inner,
    experts,
    perToken,
    router: linear("gate", width, experts, { bias: false, class: `${expertClasses}TopKRouter` }),
    ...(shared !== undefined && {
      extra: [
        gatedFeedForward(`${expertClasses}MLP`, "shared_expert", width, shared),
        linear("shared_expert_gate", width, 1, { bias: false }),
      ],
    }),
  });
}

const dense = {
  vocab: 151936,
  width: 4096,
  inner: 22016,
  layers: 32,
  heads: 32,
  kvHeads: 32,
  headDim: 128,
  maxPositions: 128000,
  tied: false,
} as const;

/** Qwen3VLTextConfig. */
export const qwen3VlText = qwen3Text({ classes: "Qwen3VLText", defaults: dense });

/** Qwen3VLMoeTextConfig. */
export const qwen3VlMoeText = qwen3Text({
  classes: "Qwen3VLMoeText",
  defaults: {
    ...dense,
    width: 2048,
    inner: 5632,
    layers: 24,
    heads: 16,
    kvHeads: 16,
    headDim: "width/heads",
  },
  experts: { inner: 1408, count: 60, perToken: 4 },
});

/** Qwen3OmniMoeTextConfig. */
export const qwen3OmniText = qwen3Text({
  classes: "Qwen3OmniMoeThinkerText",
  own: { finalNorm: "Qwen3OmniMoeTextRMSNorm" },
  defaults: {
    ...dense,
    vocab: 3584,
    width: 2048,
    inner: 18944,
    layers: 28,
    heads: 28,
    kvHeads: 4,
    headDim: "width/heads",
    maxPositions: 32768,
  },
  experts: { inner: 768, count: 128, perToken: 8 },
  slides: "all",
});

/** Qwen3OmniMoeTalkerTextConfig. */
export const qwen3OmniTalker = qwen3Text({
  classes: "Qwen3OmniMoeThinkerText",
  own: {
    backbone: "Qwen3OmniMoeTalkerModel",
    layer: "Qwen3OmniMoeTalkerDecoderLayer",
    rotary: "Qwen3OmniMoeTalkerRotaryEmbedding",
    finalNorm: "Qwen3OmniMoeTextRMSNorm",
  },
  defaults: {
    ...dense,
    vocab: 3072,
    width: 1024,
    inner: 2048,
    layers: 20,
    heads: 16,
    kvHeads: 2,
    headDim: "width/heads",
    maxPositions: 32768,
  },
  experts: { inner: 384, count: 128, perToken: 8 },
  expertClasses: "Qwen3OmniMoeTalkerText",
  shared: true,
  slides: "all",
  tables: (width, vocab) => [embedding("codec_embedding", vocab, width)],
});

/** Qwen3OmniMoeTalkerCodePredictorConfig: a table and a head for each of the further codes of a frame. */
export const qwen3OmniPredictor = (codes: number) =>
  qwen3Text({
    classes: "Qwen3OmniMoe",
    own: {
      backbone: "Qwen3OmniMoeTalkerCodePredictorModel",
      layer: "Qwen3OmniMoeTalkerCodePredictorDecoderLayer",
      attention: "Qwen3OmniMoeTalkerCodePredictorAttention",
    },
    defaults: {
      ...dense,
      vocab: 2048,
      width: 1024,
      inner: 3072,
      layers: 5,
      heads: 16,
      kvHeads: 8,
      maxPositions: 32768,
    },
    slides: { from: 28 },
    tables: (width, vocab) => [stack(upTo(codes), embedding("codec_embedding", vocab, width))],
  });
