import type { RawConfig } from "../config/raw.ts";
import { flag, integer, oneOrMany, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { type Module, module } from "../tree/module.ts";
import { imageLlm } from "./image-llm.ts";

/** LlavaConfig and LlavaNextConfig (transformers 5.18). */
const read = reader(() => ({
  vision_feature_layer: or(oneOrMany(integer(-100_000, 100_000)), -2),
  multimodal_projector_bias: or(flag(), true),
  tie_word_embeddings: or(flag(), false),
}));

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
const text = { type: "llama", absent: {} };

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
  text,
  read,
  textTies: true,
  projector: projector("Llava"),
});

/** LLaVA 1.6: images in tiles, a learned vector at the end of each row. Source: `models/llava_next/modeling_llava_next.py`. */
export const llavaNext = imageLlm({
  name: "llava_next",
  classes: "LlavaNext",
  purpose: "chat about images",
  vision,
  text,
  read,
  textTies: false,
  projector: projector("LlavaNext"),
  parameters: (width) => [{ name: "image_newline", shape: [width] }],
});
