import { MODALITIES, type ModalityLimits } from "./limit-mm.ts";
import type { Model } from "./model.ts";
import { lacking } from "./tree/lacking.ts";
import type { Component } from "./tree/module.ts";
import { walk } from "./tree/walk.ts";

/** What hears, and what sees. */
const TOWERS: Readonly<Record<"audio" | "vision", readonly Component[]>> = {
  audio: ["audio_encoder", "audio_projector"],
  vision: ["vision_encoder", "vision_projector"],
};

/**
 * The model without the towers of modalities that no prompt may have: a server does not load them (vLLM,
 * `models/interfaces.py`, _mark_tower_model). What sees goes where neither images nor videos may come.
 */
export function withoutModalities(model: Model, limits: ModalityLimits | undefined): Model {
  if (!limits || MODALITIES.every((modality) => limits[modality]?.count !== 0)) return model;
  const { audio, image, video } = limits;
  const deaf = audio?.count === 0;
  const blind = image?.count === 0 && video?.count === 0;
  const gone = new Set<Component>([...(deaf ? TOWERS.audio : []), ...(blind ? TOWERS.vision : [])]);
  const there = new Set<Component>();
  walk(model.root, (_, { component }) => {
    if (component) there.add(component);
  });
  const absent = [...gone].filter((component) => there.has(component));
  const { vision: _, ...unseeing } = model;
  return {
    ...(blind ? unseeing : model),
    root: lacking(model.root, gone),
    ...(deaf && { audio: undefined }),
    assumptions: [
      ...model.assumptions,
      ...(absent.length > 0
        ? [`Not loaded: ${absent.join(", ")}, as --limit-mm-per-prompt says.`]
        : []),
      ...(image?.count === 0 && !blind && there.has("vision_encoder")
        ? ["What sees stays loaded, because videos may still come: video=0 leaves it out."]
        : []),
    ],
  };
}
