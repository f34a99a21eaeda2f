import type { RawConfig } from "../config/raw.ts";
import { within } from "../config/raw.ts";
import { count, dimension, flag, integer, or, reader } from "../config/schema.ts";
import { patches, siglipVision } from "../towers/siglip.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Context } from "./family.ts";

/** SiglipVisionConfig (transformers 5.18); `vision_use_head` is none of its fields, but read where a config has it. */
const read = reader(() => ({
  hidden_size: or(dimension(), 768),
  intermediate_size: or(dimension(), 3072),
  num_hidden_layers: or(count(), 12),
  num_attention_heads: or(dimension(), 12),
  num_channels: or(integer(1, 1024), 3),
  image_size: or(integer(1, 65536), 224),
  patch_size: or(integer(1, 65536), 16),
  vision_use_head: or(flag(), true),
}));

/**
 * The SigLIP that a `vision_config` stands for, and what a projector after it needs to know.
 * @param options.dropped last layers that the model leaves out.
 */
export function siglipFromConfig(
  raw: RawConfig,
  context: Context,
  name: string,
  options: {
    readonly anySize?: boolean;
    readonly withHead?: boolean;
    readonly dropped?: number;
  } = {},
) {
  const config = read(raw, context);
  evenHeads(
    config.hidden_size,
    config.num_attention_heads,
    within(context.path, "hidden_size"),
    within(context.path, "num_attention_heads"),
  );
  return {
    width: config.hidden_size,
    side: config.image_size,
    patch: config.patch_size,
    channels: config.num_channels,
    extra: 0,
    layers: config.num_hidden_layers - (options.dropped ?? 0),
    tokens: patches(config.image_size, config.patch_size),
    tower: siglipVision({
      name,
      width: config.hidden_size,
      inner: config.intermediate_size,
      layers: config.num_hidden_layers - (options.dropped ?? 0),
      heads: config.num_attention_heads,
      channels: config.num_channels,
      imageSize: config.image_size,
      patch: config.patch_size,
      withHead: options.withHead ?? config.vision_use_head,
      ...(options.anySize && { anySize: true }),
    }),
  };
}
