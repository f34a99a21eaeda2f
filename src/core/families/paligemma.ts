import { dimension, flag, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { module } from "../tree/module.ts";
import { imageLlm } from "./image-llm.ts";

/** PaliGemmaConfig (transformers 5.18). */
const read = reader(() => ({
  projection_dim: or(dimension(), 2048),
  tie_word_embeddings: or(flag(), true),
}));

/** PaliGemma 1 and 2: SigLIP, one matrix, Gemma or Gemma 2. Source: `models/paligemma/modeling_paligemma.py`. */
export const paliGemma = imageLlm({
  name: "paligemma",
  classes: "PaliGemma",
  purpose: "answers about images, boxes and segments",
  vision: {
    type: "siglip_vision_model",
    absent: {
      intermediate_size: 4096,
      hidden_size: 1152,
      patch_size: 14,
      image_size: 224,
      num_hidden_layers: 27,
      num_attention_heads: 16,
      vision_use_head: false,
    },
  },
  text: {
    type: "gemma",
    absent: {
      hidden_size: 2048,
      num_hidden_layers: 18,
      intermediate_size: 16384,
      num_attention_heads: 8,
      num_key_value_heads: 1,
      vocab_size: 257152,
    },
  },
  read,
  textTies: false,
  merge: "first",
  allLayers: false,
  /** `models/paligemma/processing_paligemma.py`: `image_seq_length` is the tower's number of patches. */
  images(_config, { side, patch, channels }) {
    const tokens = Math.floor(side / patch) ** 2;
    return { sizing: { kind: "square", side, patches: tokens, tokens }, pixelValues: channels };
  },
  projector: (config, { width }) =>
    module(
      "PaliGemmaMultiModalProjector",
      "multi_modal_projector",
      [linear("linear", width, config.projection_dim)],
      { op: { kind: "projector", widths: [config.projection_dim] } },
    ),
});
