import { type RawConfig, within } from "../config/raw.ts";
import { count, dimension, integer, list, or, reader, text } from "../config/schema.ts";
import { type QwenVisionHabits, type QwenVisionSizes, qwenVision } from "../towers/qwen-vision.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Module } from "../tree/module.ts";
import type { Context } from "./family.ts";

interface Defaults {
  readonly depth: number;
  readonly patch: number;
}

/** Fields that all generations share (`models/*qwen*\/configuration_*.py`, transformers 5.18). */
const shared = ({ depth, patch }: Defaults) => ({
  depth: or(count(), depth),
  num_heads: or(dimension(), 16),
  in_channels: or(integer(1, 1024), 3),
  patch_size: or(integer(1, 65536), patch),
  spatial_merge_size: or(integer(1, 1024), 2),
  temporal_patch_size: or(integer(1, 1024), 2),
});

/** Qwen2VLVisionConfig: `hidden_size` is the language model's width, `embed_dim` the tower's. */
const readFirst = reader(() => ({
  ...shared({ depth: 32, patch: 14 }),
  embed_dim: or(dimension(), 1280),
  hidden_size: or(dimension(), 3584),
  mlp_ratio: or(integer(1, 1024), 4),
  hidden_act: or(text(), "quick_gelu"),
}));

/** Qwen2_5_VLVisionConfig and Qwen2_5OmniVisionEncoderConfig. */
const readSecond = reader(() => ({
  ...shared({ depth: 32, patch: 14 }),
  hidden_size: or(dimension(), 3584),
  intermediate_size: or(dimension(), 3420),
  out_hidden_size: or(dimension(), 3584),
  window_size: or(integer(1, 1_000_000), 112),
  fullatt_block_indexes: or(list(integer(0, 100_000)), [7, 15, 23, 31]),
}));

/** Qwen3VLVisionConfig, Qwen3VLMoeVisionConfig and Qwen3OmniMoeVisionEncoderConfig. */
const readThird = reader(() => ({
  ...shared({ depth: 27, patch: 16 }),
  hidden_size: or(dimension(), 1152),
  intermediate_size: or(dimension(), 4304),
  out_hidden_size: or(dimension(), 3584),
  num_position_embeddings: or(dimension(), 2304),
  deepstack_visual_indexes: or(list(integer(0, 100_000)), [8, 16, 24]),
}));

const SEQUENCE = ["mlp.0", "mlp.2"] as const;
const SIBLINGS = ["linear_fc1", "linear_fc2"] as const;

type Tower = (raw: RawConfig, context: Context) => Module;

export const qwen2VlVision: Tower = (raw, context) => {
  const config = readFirst(raw, context);
  const sizes = { width: config.embed_dim, out: config.hidden_size };
  return built(
    "embed_dim",
    config,
    { ...sizes, inner: sizes.width * config.mlp_ratio },
    {
      classes: {
        tower: "Qwen2VisionTransformerPretrainedModel",
        patchEmbed: "PatchEmbed",
        rotary: "Qwen2VLVisionRotaryEmbedding",
        block: "Qwen2VLVisionBlock",
        attention: "VisionAttention",
        mlp: "VisionMlp",
        merger: "PatchMerger",
        norm: "LayerNorm",
      },
      norm: "layer",
      feedForward: { names: ["fc1", "fc2"], quick: config.hidden_act === "quick_gelu" },
      fused: true,
      patchBias: false,
      merger: { norm: "ln_q", matrices: SEQUENCE },
    },
    context,
  );
};

/** The second generation: RMS norms, gated feed-forwards and windows; the Omni model keeps three projections apart. */
const second =
  (prefix: string, tower: string, fused: boolean): Tower =>
  (raw, context) => {
    const config = readSecond(raw, context);
    const { patch_size: patch, spatial_merge_size: merge } = config;
    const windowTokens = Math.floor(Math.floor(config.window_size / merge) / patch);
    return built(
      "hidden_size",
      config,
      {
        width: config.hidden_size,
        inner: config.intermediate_size,
        out: config.out_hidden_size,
      },
      {
        classes: {
          tower,
          patchEmbed: "Qwen2_5_VisionPatchEmbed",
          rotary: `${prefix}VisionRotaryEmbedding`,
          block: `${prefix}VisionBlock`,
          attention: `${prefix}VisionAttention`,
          mlp: `${prefix}MLP`,
          merger: `${prefix}PatchMerger`,
          norm: `${prefix}RMSNorm`,
        },
        norm: "rms",
        feedForward: { gated: true },
        fused,
        patchBias: false,
        window: {
          patches: Math.max(1, (windowTokens * merge) ** 2),
          full: new Set(config.fullatt_block_indexes),
        },
        merger: { norm: "ln_q", matrices: SEQUENCE },
      },
      context,
    );
  };

export const qwen25VlVision = second(
  "Qwen2_5_VL",
  "Qwen2_5_VisionTransformerPretrainedModel",
  true,
);
export const qwen25OmniVision = second("Qwen2_5Omni", "Qwen2_5OmniVisionEncoder", false);

/** The third generation: learned positions besides rotary ones, and inner layers' outputs handed on (deepstack). */
const third =
  (
    prefix: string,
    tower: string,
    merger: QwenVisionHabits["merger"],
    deepstack?: Omit<NonNullable<QwenVisionHabits["deepstack"]>, "count">,
  ): Tower =>
  (raw, context) => {
    const config = readThird(raw, context);
    return built(
      "hidden_size",
      config,
      {
        width: config.hidden_size,
        inner: config.intermediate_size,
        out: config.out_hidden_size,
      },
      {
        classes: {
          tower,
          patchEmbed: `${prefix}VisionPatchEmbed`,
          rotary: `${prefix}VisionRotaryEmbedding`,
          block: `${prefix}VisionBlock`,
          attention: `${prefix}VisionAttention`,
          mlp: `${prefix}VisionMLP`,
          merger: `${prefix}VisionPatchMerger`,
          norm: "LayerNorm",
        },
        norm: "layer",
        feedForward: { names: SIBLINGS },
        fused: true,
        patchBias: true,
        positions: config.num_position_embeddings,
        merger,
        ...(deepstack && {
          deepstack: { ...deepstack, count: config.deepstack_visual_indexes.length },
        }),
      },
      context,
    );
  };

const inVl = { name: "deepstack_merger_list", component: "vision_encoder", first: false } as const;
const mergerInVl = { norm: "norm", matrices: SIBLINGS } as const;

export const qwen3VlVision = third("Qwen3VL", "Qwen3VLVisionModel", mergerInVl, inVl);
export const qwen3VlMoeVision = third("Qwen3VLMoe", "Qwen3VLMoeVisionModel", mergerInVl, inVl);
/** Qwen3.5 hands nothing on from inner layers. */
export const qwen35Vision = third("Qwen3_5", "Qwen3_5VisionModel", mergerInVl);
export const qwen35MoeVision = third("Qwen3_5Moe", "Qwen3_5MoeVisionModel", mergerInVl);
export const qwen3OmniVision = third(
  "Qwen3OmniMoe",
  "Qwen3OmniMoeVisionEncoder",
  { norm: "ln_q", matrices: SEQUENCE },
  { name: "merger_list", component: "vision_projector", first: true },
);

type Shared = ReturnType<ReturnType<typeof reader<ReturnType<typeof shared>>>>;

function built(
  widthField: string,
  config: Shared,
  sizes: Pick<QwenVisionSizes, "width" | "inner" | "out">,
  habits: QwenVisionHabits,
  context: Context,
): Module {
  evenHeads(
    sizes.width,
    config.num_heads,
    within(context.path, widthField),
    within(context.path, "num_heads"),
  );
  return qwenVision(
    "visual",
    {
      ...sizes,
      layers: config.depth,
      heads: config.num_heads,
      channels: config.in_channels,
      patch: config.patch_size,
      temporalPatch: config.temporal_patch_size,
      merge: config.spatial_merge_size,
    },
    habits,
  );
}
