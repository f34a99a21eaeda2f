import { flag, integer, oneOrMany, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { module } from "../tree/module.ts";
import { imageLlm } from "./image-llm.ts";
import { featureLayers, pixtralImages } from "./llava.ts";

/** Mistral3Config (transformers 5.18). */
const read = reader(() => ({
  vision_feature_layer: or(oneOrMany(integer(-100_000, 100_000)), -1),
  multimodal_projector_bias: or(flag(), false),
  spatial_merge_size: or(integer(1, 1024), 2),
  tie_word_embeddings: or(flag(), true),
}));

/** Mistral Small 3.1 and 3.2: Pixtral's tower, merged patches, Mistral. Source: `models/mistral3/modeling_mistral3.py`. */
export const mistral3 = imageLlm({
  name: "mistral3",
  classes: "Mistral3",
  purpose: "chat about images",
  vision: {
    type: "pixtral",
    absent: {
      intermediate_size: 4096,
      hidden_size: 1024,
      patch_size: 14,
      image_size: 1540,
      num_hidden_layers: 24,
      num_attention_heads: 16,
    },
  },
  text: {
    type: "mistral",
    absent: {
      head_dim: 128,
      hidden_size: 5120,
      intermediate_size: 32768,
      max_position_embeddings: 131072,
      num_attention_heads: 32,
      num_hidden_layers: 40,
      num_key_value_heads: 8,
      sliding_window: null,
      vocab_size: 131072,
    },
  },
  read,
  textTies: false,
  merge: "copied",
  allLayers: true,
  images: (config, vision) => pixtralImages(vision, config.spatial_merge_size),
  projector(config, { width }, textWidth) {
    const bias = config.multimodal_projector_bias;
    const inputs = width * featureLayers(config.vision_feature_layer);
    return module(
      "Mistral3MultiModalProjector",
      "multi_modal_projector",
      [
        rmsNorm("norm", width, "Mistral3RMSNorm"),
        module("Mistral3PatchMerger", "patch_merger", [
          linear("merging_layer", width * config.spatial_merge_size ** 2, width, { bias: false }),
        ]),
        linear("linear_1", inputs, textWidth, { bias }),
        linear("linear_2", textWidth, textWidth, { bias }),
      ],
      { op: { kind: "projector", widths: [width, textWidth, textWidth] } },
    );
  },
});
