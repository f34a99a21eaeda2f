import { type RawConfig, section } from "../config/raw.ts";
import { flag, or, reader } from "../config/schema.ts";
import { contextUpTo } from "../model.ts";
import { languageHead, type Place } from "../towers/causal-lm.ts";
import { type Module, module } from "../tree/module.ts";
import type { VisionGeometry } from "../vision/geometry.ts";
import { type Context, type Family, type LanguagePart, sectionOf, statedDtype } from "./family.ts";
import { PIXELS_OF_QWEN2_VL, PIXELS_OF_QWEN3_VL, qwenImages } from "./qwen-images.ts";
import {
  qwen2VlVision,
  qwen3VlMoeVision,
  qwen3VlVision,
  qwen25VlVision,
  qwen35MoeVision,
  qwen35Vision,
} from "./qwen-vision-config.ts";
import { qwen2VlText, qwen25VlText } from "./qwen2-text.ts";
import { qwen35Moe as qwen35MoeText, qwen35 as qwen35Text } from "./qwen3-next.ts";
import { qwen3VlMoeText, qwen3VlText } from "./qwen3-text.ts";

const ofQwen2 = (raw: RawConfig, context: Context) =>
  qwenImages(raw, context, 14, PIXELS_OF_QWEN2_VL);
const ofQwen3 = (raw: RawConfig, context: Context) =>
  qwenImages(raw, context, 16, PIXELS_OF_QWEN3_VL);

const readTie = reader(() => ({ tie_word_embeddings: or(flag(), false) }));

interface Recipe {
  readonly name: string;
  /** Prefix of the class names. */
  readonly classes: string;
  readonly vision: (raw: RawConfig, context: Context) => Module;
  readonly images: (raw: RawConfig, context: Context) => VisionGeometry;
  readonly text: (raw: RawConfig, context: Context, place: Place) => LanguagePart;
  /** Whether the text's fields may lie at the top, and a `text_config` may say that the head is tied (up to 2.5). */
  readonly flat: boolean;
}

/** An image tower, whose merger makes tokens of patches, and a language model. */
function qwenVl({ name, classes, vision, images, text: textOf, flat }: Recipe): Family {
  return {
    name,
    modelTypes: [name],
    architectures: [`${classes}ForConditionalGeneration`],
    purpose: "chat about images and video",
    describe(raw, context) {
      const [visionRaw, visionContext] = sectionOf(raw, "vision_config", context);
      const inner = section(raw, "text_config", context.path);
      const [textRaw, textContext] =
        inner || !flat ? sectionOf(raw, "text_config", context) : [raw, context];
      const place = { backbone: "model.language_model", head: "lm_head" };
      const text = textOf(textRaw, textContext, place);
      const tied =
        readTie(raw, context).tie_word_embeddings ||
        (flat && inner !== undefined && readTie(inner, textContext).tie_word_embeddings);
      return {
        type: "multimodal",
        root: module(context.architecture, "", [
          module(`${classes}Model`, "model", [vision(visionRaw, visionContext), text.backbone], {
            op: { kind: "merge", checked: false, kept: false, images: "copied" },
          }),
          languageHead({ ...text, tied }, place),
        ]),
        dtype: statedDtype(raw) ?? text.dtype,
        audio: undefined,
        vision: images(visionRaw, visionContext),
        context: contextUpTo(text.maxPositions),
      };
    },
  };
}

/** Qwen2-VL (Wang et al. 2024). Source: `models/qwen2_vl/modeling_qwen2_vl.py`. */
export const qwen2Vl = qwenVl({
  name: "qwen2_vl",
  classes: "Qwen2VL",
  vision: qwen2VlVision,
  images: ofQwen2,
  text: qwen2VlText,
  flat: true,
});

/** Qwen2.5-VL. Source: `models/qwen2_5_vl/modeling_qwen2_5_vl.py`. */
export const qwen25Vl = qwenVl({
  name: "qwen2_5_vl",
  classes: "Qwen2_5_VL",
  vision: qwen25VlVision,
  images: ofQwen2,
  text: qwen25VlText,
  flat: true,
});

/** Qwen3-VL. Source: `models/qwen3_vl/modeling_qwen3_vl.py`. */
export const qwen3Vl = qwenVl({
  name: "qwen3_vl",
  classes: "Qwen3VL",
  vision: qwen3VlVision,
  images: ofQwen3,
  text: qwen3VlText,
  flat: false,
});

/** Qwen3-VL with experts. Source: `models/qwen3_vl_moe/modeling_qwen3_vl_moe.py`. */
export const qwen3VlMoe = qwenVl({
  name: "qwen3_vl_moe",
  classes: "Qwen3VLMoe",
  vision: qwen3VlMoeVision,
  images: ofQwen3,
  text: qwen3VlMoeText,
  flat: false,
});

/** Qwen3.5: delta nets and attention in the language model. Source: `models/qwen3_5/modeling_qwen3_5.py`. */
export const qwen35Vl = qwenVl({
  name: "qwen3_5",
  classes: "Qwen3_5",
  vision: qwen35Vision,
  images: ofQwen3,
  text: qwen35Text.language,
  flat: false,
});

/** Qwen3.5 with experts. Source: `models/qwen3_5_moe/modeling_qwen3_5_moe.py`. */
export const qwen35MoeVl = qwenVl({
  name: "qwen3_5_moe",
  classes: "Qwen3_5Moe",
  vision: qwen35MoeVision,
  images: ofQwen3,
  text: qwen35MoeText.language,
  flat: false,
});
