import type { RawConfig } from "../config/raw.ts";
import { dimension, maybe, or, reader } from "../config/schema.ts";
import { causalLm, type DecoderHabits, type Place } from "../towers/causal-lm.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { languagePart } from "./decoder-only.ts";
import type { Context, LanguagePart } from "./family.ts";
import { qwenSlidingFields, qwenVariants } from "./qwen2.ts";

interface Recipe {
  readonly classes: string;
  readonly own: NonNullable<DecoderHabits["own"]>;
  readonly defaults: Parameters<typeof decoderFields>[0];
  readonly window: number;
  /** Width of the token table's vectors where it has its own: a talker's are as wide as the thinker's. */
  readonly embedded?: number;
  /** Whether a `head_dim` in the config counts; elsewhere it is always width / heads. */
  readonly readsHeadDim: boolean;
}

/**
 * Qwen 2's language model inside a bigger one: the same layers under other class names and defaults.
 * Source: transformers 5.18, `models/{qwen2_vl,qwen2_5_vl,qwen2_5_omni}/modeling_*.py`.
 */
function qwen2Text(recipe: Recipe) {
  const { classes, own, defaults, window, embedded, readsHeadDim } = recipe;
  const read = reader(() => ({
    ...decoderFields(defaults),
    ...qwenSlidingFields({ window, from: defaults.layers }),
    embedding_size: embedded === undefined ? maybe(dimension()) : or(dimension(), embedded),
  }));
  return (
    raw: RawConfig,
    context: Context,
    place: Place,
  ): LanguagePart & { readonly embeddingWidth: number } => {
    const config = read(raw, context);
    const { head_dim, ...rest } = config;
    const sizes = decoderSizes(readsHeadDim ? config : rest, context);
    const embeddingWidth = embedded === undefined ? undefined : config.embedding_size;
    const built = {
      ...causalLm(
        { ...sizes, ...(embeddingWidth !== undefined && { embeddingWidth }) },
        { classes, own, bias: { qkv: true }, variants: qwenVariants(config) },
        place,
      ),
      embeddingWidth: embeddingWidth ?? sizes.width,
      maxPositions: config.max_position_embeddings,
    };
    return languagePart(built, raw, context);
  };
}

const vl = {
  vocab: 152064,
  width: 8192,
  inner: 29568,
  layers: 80,
  heads: 64,
  kvHeads: 8,
  headDim: "width/heads",
  maxPositions: 32768,
  tied: false,
} as const;

const omni = { ...vl, width: 3584, inner: 18944, layers: 28, heads: 28, kvHeads: 4 } as const;

/** Qwen2VLTextConfig. */
export const qwen2VlText = qwen2Text({
  classes: "Qwen2VL",
  own: { backbone: "Qwen2VLTextModel", feedForward: "Qwen2MLP" },
  defaults: vl,
  window: 4096,
  readsHeadDim: false,
});

/** Qwen2_5_VLTextConfig. */
export const qwen25VlText = qwen2Text({
  classes: "Qwen2_5_VL",
  own: { backbone: "Qwen2_5_VLTextModel", feedForward: "Qwen2MLP" },
  defaults: vl,
  window: 4096,
  readsHeadDim: false,
});

/** Qwen2_5OmniTextConfig. */
export const qwen25OmniText = qwen2Text({
  classes: "Qwen2_5Omni",
  own: { backbone: "Qwen2_5OmniThinkerTextModel", feedForward: "Qwen2MLP" },
  defaults: omni,
  window: 32768,
  readsHeadDim: true,
});

/** Qwen2_5OmniTalkerConfig. */
export const qwen25OmniTalker = qwen2Text({
  classes: "Qwen2_5Omni",
  own: { backbone: "Qwen2_5OmniTalkerModel", feedForward: "Qwen2MLP" },
  defaults: { ...omni, vocab: 8448, headDim: 128 },
  window: 32768,
  embedded: 3584,
  readsHeadDim: true,
});
