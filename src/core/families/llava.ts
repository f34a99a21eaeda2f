import type { RawConfig } from "../config/raw.ts";
import { flag, integer, list, oneOrMany, or, reader, text } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { type Module, module } from "../tree/module.ts";
import { grouped } from "../units.ts";
import type { VisionGeometry } from "../vision/geometry.ts";
import type { Context } from "./family.ts";
import { imageLlm } from "./image-llm.ts";
import type { VisionPart } from "./vision-towers.ts";

/** LlavaConfig and LlavaNextConfig (transformers 5.18). */
const read = reader(() => ({
  vision_feature_layer: or(oneOrMany(integer(-100_000, 100_000)), -2),
  multimodal_projector_bias: or(flag(), true),
  tie_word_embeddings: or(flag(), false),
  vision_feature_select_strategy: or(text(), "default"),
}));
type Config = ReturnType<typeof read>;

/** LlavaNextConfig: height and width of each resolution that an image may be cut into tiles of. */
const readNext = reader(() => ({
  image_grid_pinpoints: or(list(list(integer(1, 65536))), [
    [336, 672],
    [672, 336],
    [672, 672],
    [1008, 336],
    [336, 1008],
  ]),
}));
const readBoth = (raw: RawConfig, context: Context) => ({
  ...read(raw, context),
  ...readNext(raw, context),
});

const vision = {
  type: "clip_vision_model",
  absent: {
    intermediate_size: 4096,
    hidden_size: 1024,
    patch_size: 14,
    image_size: 336,
    num_hidden_layers: 24,
    num_attention_heads: 16,
  } satisfies RawConfig,
};
const llama = { type: "llama", absent: {} };

/** The first position is left out ("default"), which is the class token where the tower has one. */
const leavesOut = (config: Config): number =>
  config.vision_feature_select_strategy === "default" ? 1 : 0;

const perSide = ({ side, patch }: VisionPart): number => Math.floor(side / patch);

/** `models/llava/processing_llava.py`, and `models/pixtral/processing_pixtral.py` for a tower of that kind. */
function images(config: Config, vision: VisionPart): VisionGeometry {
  if (vision.anySize) return pixtralImages(vision, 1);
  const positions = perSide(vision) ** 2 + vision.extra;
  return {
    sizing: {
      kind: "square",
      side: vision.side,
      patches: positions,
      tokens: Math.max(0, positions - leavesOut(config)),
    },
    pixelValues: vision.channels,
  };
}

/** @param merge patches per side that become one token. */
export const pixtralImages = (
  { side, patch, channels }: VisionPart,
  merge: number,
): VisionGeometry => ({
  sizing: { kind: "within-edge", patch, merge, longestEdge: side },
  pixelValues: channels,
  assumed: `Images are scaled down to no more than ${grouped(side)} pixels a side (the published preprocessor_config.json has the same size.longest_edge as the tower's image_size).`,
});

/** Outputs of how many layers of the image tower are put side by side. */
export const featureLayers = (layer: number | readonly number[]): number =>
  typeof layer === "number" ? 1 : layer.length;

/** Two matrices with an activation between them. */
const projector =
  (classes: string) =>
  (config: ReturnType<typeof read>, { width }: { width: number }, textWidth: number): Module => {
    const bias = config.multimodal_projector_bias;
    const inputs = width * featureLayers(config.vision_feature_layer);
    return module(
      `${classes}MultiModalProjector`,
      "multi_modal_projector",
      [
        linear("linear_1", inputs, textWidth, { bias }),
        linear("linear_2", textWidth, textWidth, { bias }),
      ],
      { op: { kind: "projector", widths: [textWidth, textWidth] } },
    );
  };

/** LLaVA 1.5 and what has its shape, Pixtral 12B among them. Source: `models/llava/modeling_llava.py`. */
export const llava = imageLlm({
  name: "llava",
  classes: "Llava",
  purpose: "chat about images",
  vision,
  text: llama,
  read,
  textTies: true,
  merge: "copied",
  allLayers: true,
  images,
  projector: projector("Llava"),
});

/** LLaVA 1.6: images in tiles, a learned vector at the end of each row. Source: `models/llava_next/modeling_llava_next.py`. */
export const llavaNext = imageLlm<ReturnType<typeof readBoth>>({
  name: "llava_next",
  classes: "LlavaNext",
  purpose: "chat about images",
  vision,
  text: llama,
  read: readBoth,
  textTies: false,
  merge: "copied",
  allLayers: true,
  joins: true,
  images: (config, vision) => ({
    sizing: {
      kind: "pinpoint-tiles",
      side: vision.side,
      patch: vision.patch,
      extra: vision.extra,
      extraKept: leavesOut(config) === 0,
      resolutions: config.image_grid_pinpoints.map(([high = 1, wide = high]) => [high, wide]),
    },
    pixelValues: vision.channels,
  }),
  projector: projector("LlavaNext"),
  parameters: (width) => [{ name: "image_newline", shape: [width] }],
});
