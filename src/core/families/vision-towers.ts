import { own, type RawConfig, within } from "../config/raw.ts";
import { count, dimension, flag, integer, oneOrMany, or, reader, text } from "../config/schema.ts";
import { InputError, nearest, shown } from "../errors.ts";
import { clipVision } from "../towers/clip-vision.ts";
import { internVision } from "../towers/internvl-vision.ts";
import { pixtralVision } from "../towers/pixtral-vision.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Module } from "../tree/module.ts";
import type { Context } from "./family.ts";
import { siglipFromConfig } from "./siglip-config.ts";

/** An image tower, and what comes out of it. */
export interface VisionPart {
  readonly tower: Module;
  readonly width: number;
  readonly channels: number;
  readonly layers: number;
  /** Side of the largest or only image, and of its patches, in pixels. */
  readonly side: number;
  readonly patch: number;
  /** Positions that are no patches: a class token. */
  readonly extra: number;
  /** Images keep their own size up to that. */
  readonly anySize?: true;
}

type VisionReader = (raw: RawConfig, context: Context, name: string) => VisionPart;

/** CLIPVisionConfig and PixtralVisionConfig (transformers 5.18). */
const fields = (defaults: { width: number; inner: number; layers: number; heads: number }) => ({
  hidden_size: or(dimension(), defaults.width),
  intermediate_size: or(dimension(), defaults.inner),
  num_hidden_layers: or(count(), defaults.layers),
  num_attention_heads: or(dimension(), defaults.heads),
  num_channels: or(integer(1, 1024), 3),
});
const pixels = () => integer(1, 65536);
const readClip = reader(() => ({
  ...fields({ width: 768, inner: 3072, layers: 12, heads: 12 }),
  image_size: or(pixels(), 224),
  patch_size: or(pixels(), 32),
  hidden_act: or(text(), "quick_gelu"),
}));
const large = { width: 1024, inner: 4096, layers: 24, heads: 16 };
const readPixtral = reader(() => ({
  ...fields(large),
  image_size: or(pixels(), 1024),
  patch_size: or(pixels(), 16),
}));

/** InternVLVisionConfig. */
const readIntern = reader(() => ({
  ...fields(large),
  attention_bias: or(flag(), false),
  use_qk_norm: or(flag(), false),
  norm_type: or(text(), "layer_norm"),
  image_size: or(oneOrMany(pixels()), 448),
  patch_size: or(oneOrMany(pixels()), 14),
  use_mask_token: or(flag(), false),
  use_absolute_position_embeddings: or(flag(), true),
  use_mean_pooling: or(flag(), true),
}));

interface Sizes {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_channels: number;
}

function named(config: Sizes, context: Context) {
  evenHeads(
    config.hidden_size,
    config.num_attention_heads,
    within(context.path, "hidden_size"),
    within(context.path, "num_attention_heads"),
  );
  return {
    width: config.hidden_size,
    inner: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    channels: config.num_channels,
  };
}

const clip: VisionReader = (raw, context, name) => {
  const config = readClip(raw, context);
  const sizes = named(config, context);
  const square = { imageSize: config.image_size, patch: config.patch_size };
  return {
    ...seen(sizes, square, 1),
    tower: clipVision(name, {
      ...sizes,
      ...square,
      quick: config.hidden_act === "quick_gelu",
    }),
  };
};

const pixtral: VisionReader = (raw, context, name) => {
  const config = readPixtral(raw, context);
  const sizes = named(config, context);
  const square = { imageSize: config.image_size, patch: config.patch_size };
  return {
    ...seen(sizes, square, 0),
    anySize: true,
    tower: pixtralVision(name, { ...sizes, ...square }),
  };
};

const intern: VisionReader = (raw, context, name) => {
  const config = readIntern(raw, context);
  const sizes = named(config, context);
  const image = sides(config.image_size);
  const patch = sides(config.patch_size);
  return {
    ...seen(sizes, { imageSize: image[0], patch: patch[0] }, 1),
    tower: internVision(name, {
      ...sizes,
      patch,
      patches: Math.floor(image[0] / patch[0]) * Math.floor(image[1] / patch[1]),
      bias: config.attention_bias,
      normedQueries: config.use_qk_norm,
      norm: config.norm_type === "rms_norm" ? "rms" : "layer",
      maskToken: config.use_mask_token,
      positions: config.use_absolute_position_embeddings,
      finalNorm: !config.use_mean_pooling,
    }),
  };
};

const seen = (
  { width, channels, layers }: Pick<VisionPart, "width" | "channels" | "layers">,
  { imageSize, patch }: { readonly imageSize: number; readonly patch: number },
  extra: number,
) => ({ width, channels, layers, side: imageSize, patch, extra });

/** Height and width: one number stands for both. */
function sides(value: number | readonly number[]): readonly [number, number] {
  if (typeof value === "number") return [value, value];
  const [height = 1, width = height] = value;
  return [height, width];
}

const towers: ReadonlyMap<string, VisionReader> = new Map<string, VisionReader>([
  ["siglip_vision_model", siglipFromConfig],
  ["clip_vision_model", clip],
  ["pixtral", pixtral],
  ["internvl_vision", intern],
]);

/**
 * The image tower that a `vision_config` stands for, by its `model_type`.
 * @throws InputError for a type that is not described here.
 */
export function visionTower(
  raw: RawConfig,
  context: Context,
  name: string,
  preset: string,
): VisionPart {
  const type = own(raw, "model_type") ?? preset;
  const read = typeof type === "string" ? towers.get(type) : undefined;
  if (read) return read(raw, context, name);
  const field = within(context.path, "model_type");
  throw new InputError(
    "unknown-model-type",
    `${field} is ${shown(type)}, an image tower that is not described here (nearest known: ${nearest(String(type), [...towers.keys()]).join(", ")}).`,
    field,
  );
}
