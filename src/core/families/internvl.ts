import { within } from "../config/raw.ts";
import { decimal, flag, integer, or, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { module } from "../tree/module.ts";
import { imageLlm } from "./image-llm.ts";

/** InternVLConfig (transformers 5.18). */
const read = reader(() => ({
  downsample_ratio: or(decimal(), 0.5),
  tie_word_embeddings: or(flag(), true),
  image_seq_length: or(integer(1, 1_000_000), 256),
}));

/** `models/got_ocr2/image_processing_got_ocr2.py`: `max_patches`; InternVL's processor cuts (`crop_to_patches`). */
const MOST_TILES = 12;

/** InternVL 3 and 3.5 in transformers' own format (`-hf`). Source: `models/internvl/modeling_internvl.py`. */
export const internVl = imageLlm({
  name: "internvl",
  classes: "InternVL",
  purpose: "chat about images and video",
  vision: { type: "internvl_vision", absent: {} },
  text: { type: "qwen2", absent: {} },
  read,
  textTies: false,
  merge: "first",
  allLayers: false,
  images: (config, { side, patch, extra, channels }) => ({
    sizing: {
      kind: "aspect-grid",
      side,
      tilePatches: Math.floor(side / patch) ** 2 + extra,
      tokensPerTile: config.image_seq_length,
      mostTiles: MOST_TILES,
    },
    pixelValues: channels,
    assumed: `Images are cut into up to ${MOST_TILES} tiles, as the processor's max_patches says.`,
  }),
  projector(config, { width }, textWidth, context) {
    const ratio = config.downsample_ratio;
    if (!(ratio > 0.001 && ratio <= 1)) {
      const field = within(context.path, "downsample_ratio");
      throw new InputError(
        "out-of-range",
        `${field} is ${ratio}, but must be above 0.001 and at most 1: correct it in the config.`,
        field,
      );
    }
    const merged = width * Math.floor(1 / ratio) ** 2;
    return module(
      "InternVLMultiModalProjector",
      "multi_modal_projector",
      [
        layerNorm("layer_norm", merged),
        linear("linear_1", merged, textWidth),
        linear("linear_2", textWidth, textWidth),
      ],
      { op: { kind: "projector", widths: [merged, textWidth, textWidth] } },
    );
  },
});
