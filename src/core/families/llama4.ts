import { type RawConfig, within } from "../config/raw.ts";
import {
  count,
  decimal,
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
import { InputError } from "../errors.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { contextUpTo } from "../model.ts";
import { causalLm } from "../towers/causal-lm.ts";
import type { LayerVariant } from "../towers/layer-variants.ts";
import { llama4Vision } from "../towers/llama4-vision.ts";
import { evenHeads } from "../towers/whisper.ts";
import { those } from "../tree/indices.ts";
import { type Module, module } from "../tree/module.ts";
import type { VisionGeometry } from "../vision/geometry.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { type Context, type Family, sectionOf, statedDtype } from "./family.ts";

const layerNumbers = () => list(integer(0, 100_000));

/** Llama4TextConfig (transformers 5.18). `intermediate_size` is one expert's, `intermediate_size_mlp` a dense layer's. */
const readText = reader(() => ({
  ...decoderFields({
    vocab: 202048,
    width: 5120,
    inner: 8192,
    layers: 48,
    heads: 40,
    kvHeads: 8,
    headDim: 128,
    maxPositions: 131072,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  intermediate_size_mlp: or(dimension(), 16384),
  num_experts_per_tok: or(count(), 1),
  num_local_experts: or(count(), 16),
  moe_layers: maybe(layerNumbers()),
  interleave_moe_layer_step: or(integer(1, 100_000), 1),
  no_rope_layers: or(layerNumbers(), []),
  no_rope_layer_interval: or(integer(1, 100_000), 4),
  attention_chunk_size: or(orNull(positions()), 8192),
  layer_types: maybe(list(text())),
}));

/**
 * Llama 4's language model: every fourth layer without positions sees everything, the others blocks; some or all layers
 * have experts with a shared one. Source: `models/llama4/modeling_llama4.py`.
 */
export const llama4Text = decoderOnly({
  name: "llama4_text",
  modelTypes: ["llama4_text"],
  architectures: ["Llama4ForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = readText(raw, context);
    const sizes = decoderSizes(config, context);
    const { no_rope_layers: rope, layer_types: types, moe_layers: listed } = config;
    const bias = config.attention_bias;
    const chunk = config.attention_chunk_size;
    const chunked = (index: number) => {
      if (chunk === null) return false;
      if (types) return types[index] === "chunked_attention";
      return rope.length > 0
        ? rope[index] !== 0
        : (index + 1) % config.no_rope_layer_interval !== 0;
    };
    const sparse = listed
      ? new Set(listed)
      : { has: (index: number) => (index + 1) % config.interleave_moe_layer_step === 0 };
    const experts = expertBlock(sizes.width, sizes.inner, config);
    const dense = gatedFeedForward(
      "Llama4TextMLP",
      "feed_forward",
      sizes.width,
      config.intermediate_size_mlp,
    );
    const variants: LayerVariant[] = [true, false].flatMap((withExperts) =>
      [true, false].map((inChunks) => ({
        indices: those(
          sizes.layers,
          (index) => sparse.has(index) === withExperts && chunked(index) === inChunks,
        ),
        feedForward: withExperts ? experts : dense,
        ...(inChunks &&
          chunk !== null && { span: { kind: "chunk", size: chunk, causal: true } as const }),
      })),
    );
    return {
      ...causalLm(sizes, { classes: "Llama4Text", bias: { qkv: bias, o: bias }, variants }, place),
      maxPositions: config.max_position_embeddings,
    };
  },
});

function expertBlock(
  width: number,
  inner: number,
  config: { readonly num_local_experts: number; readonly num_experts_per_tok: number },
): Module {
  const experts = config.num_local_experts;
  return mixtureOfExperts("Llama4TextMoe", "feed_forward", {
    class: "Llama4TextExperts",
    width,
    inner,
    experts,
    perToken: config.num_experts_per_tok,
    transposed: true,
    habits: { everywhere: true },
    router: linear("router", width, experts, { bias: false, class: "Llama4Router" }),
    extra: [gatedFeedForward("Llama4TextMLP", "shared_expert", width, inner)],
  });
}

/** Llama4VisionConfig. */
const readVision = reader(() => ({
  hidden_size: or(dimension(), 768),
  num_hidden_layers: or(count(), 34),
  num_attention_heads: or(dimension(), 16),
  num_channels: or(integer(1, 1024), 3),
  intermediate_size: or(dimension(), 5632),
  vision_output_dim: or(dimension(), 7680),
  image_size: or(integer(1, 65536), 448),
  patch_size: or(integer(1, 65536), 14),
  projector_input_dim: or(dimension(), 4096),
  projector_output_dim: or(dimension(), 4096),
  pixel_shuffle_ratio: or(decimal(), 0.5),
}));

/** `models/llama4/image_processing_llama4.py`: `max_patches`. */
const MOST_TILES = 16;

function vision(raw: RawConfig, context: Context) {
  const config = readVision(raw, context);
  const ratio = config.pixel_shuffle_ratio;
  if (!(ratio > 0.001 && ratio <= 1)) {
    const field = within(context.path, "pixel_shuffle_ratio");
    throw new InputError(
      "out-of-range",
      `${field} is ${ratio}, but must be above 0.001 and at most 1: correct it in the config.`,
      field,
    );
  }
  const patches = Math.floor(config.image_size / config.patch_size) ** 2;
  const images: VisionGeometry = {
    sizing: {
      kind: "best-canvas",
      side: config.image_size,
      tilePatches: patches + 1,
      // `models/llama4/processing_llama4.py`: as many patches become one token.
      tokensPerTile: Math.floor(patches / Math.round(1 / ratio ** 2)),
      mostTiles: MOST_TILES,
    },
    pixelValues: config.num_channels,
    assumed: `Images are cut into up to ${MOST_TILES} tiles, as the processor's max_patches says.`,
  };
  evenHeads(
    config.hidden_size,
    config.num_attention_heads,
    within(context.path, "hidden_size"),
    within(context.path, "num_attention_heads"),
  );
  return {
    images,
    out: config.vision_output_dim,
    tower: llama4Vision("vision_model", {
      width: config.hidden_size,
      inner: config.intermediate_size,
      layers: config.num_hidden_layers,
      heads: config.num_attention_heads,
      channels: config.num_channels,
      imageSize: config.image_size,
      patch: config.patch_size,
      adapterIn: config.projector_input_dim,
      adapterOut: config.projector_output_dim,
    }),
  };
}

/** Llama 4 Scout and Maverick with images. Source: `models/llama4/modeling_llama4.py`. */
export const llama4: Family = {
  name: "llama4",
  modelTypes: ["llama4"],
  architectures: ["Llama4ForConditionalGeneration"],
  purpose: "chat about images",
  describe(raw, context) {
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    const text = llama4Text.language(textRaw, textContext, {
      backbone: "language_model.model",
      head: "language_model.lm_head",
    });
    const seen = vision(...sectionOf(raw, "vision_config", context));
    return {
      type: "multimodal",
      root: module(
        context.architecture,
        "",
        [
          seen.tower,
          module(
            "Llama4MultiModalProjector",
            "multi_modal_projector",
            [linear("linear_1", seen.out, text.width, { bias: false })],
            { component: "vision_projector", op: { kind: "projector", widths: [text.width] } },
          ),
          module("Llama4ForCausalLM", "language_model", [text.backbone, text.head]),
        ],
        { op: { kind: "merge", checked: false, kept: false, images: "first" } },
      ),
      dtype: statedDtype(raw) ?? text.dtype,
      audio: undefined,
      vision: seen.images,
      context: contextUpTo(text.maxPositions),
    };
  },
};
