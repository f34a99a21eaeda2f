import { flag, integer, or, reader } from "../config/schema.ts";
import { rmsNormFp32 } from "../layers/norm.ts";
import { contextUpTo } from "../model.ts";
import { languageHead } from "../towers/causal-lm.ts";
import { module } from "../tree/module.ts";
import { type Family, sectionOf, statedDtype } from "./family.ts";
import { gemma3Text } from "./gemma3-text.ts";
import { siglipFromConfig } from "./siglip-config.ts";

/** Gemma3Config (transformers 5.18). The head is tied or not by this flag; the text config's own is not read. */
const read = reader(() => ({
  tie_word_embeddings: or(flag(), true),
  mm_tokens_per_image: or(integer(1, 1_000_000), 256),
}));

/**
 * Gemma 3 with images: SigLIP, one matrix after a norm, and Gemma 3's language model.
 * Source: `models/gemma3/modeling_gemma3.py`. As the language model of another model only its text part counts (vLLM
 * builds Ultravox that way).
 */
export const gemma3: Family = {
  name: "gemma3",
  modelTypes: ["gemma3"],
  architectures: ["Gemma3ForConditionalGeneration"],
  purpose: "chat about images",
  describe(raw, context) {
    const config = read(raw, context);
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    const [visionRaw, visionContext] = sectionOf(raw, "vision_config", context);
    const place = { backbone: "model.language_model", head: "lm_head" };
    const text = gemma3Text.language(textRaw, textContext, place);
    const vision = siglipFromConfig(visionRaw, visionContext, "vision_tower");
    const root = module(context.architecture, "", [
      module(
        "Gemma3Model",
        "model",
        [
          vision.tower,
          module(
            "Gemma3MultiModalProjector",
            "multi_modal_projector",
            [rmsNormFp32("mm_soft_emb_norm", vision.width, "Gemma3RMSNorm")],
            {
              component: "vision_projector",
              tensors: [{ name: "mm_input_projection_weight", shape: [vision.width, text.width] }],
              op: { kind: "projector", widths: [text.width] },
            },
          ),
          text.backbone,
        ],
        { op: { kind: "merge", checked: false, kept: false, images: "first" } },
      ),
      languageHead({ ...text, tied: config.tie_word_embeddings }, place),
    ]);
    return {
      type: "multimodal",
      root,
      dtype: statedDtype(raw) ?? text.dtype,
      audio: undefined,
      vision: {
        sizing: {
          kind: "square",
          side: vision.side,
          patches: vision.tokens,
          tokens: config.mm_tokens_per_image,
        },
        pixelValues: vision.channels,
        assumed:
          "Pan and scan is off, as in the published preprocessor_config.json: an image is one square.",
      },
      context: contextUpTo(text.maxPositions),
    };
  },
  language: (raw, context, place) => {
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    return gemma3Text.language(textRaw, textContext, place);
  },
};
