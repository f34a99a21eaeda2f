import { InputError, nearest, shown } from "./errors.ts";
import type { Model } from "./model.ts";
import { lacking } from "./tree/lacking.ts";
import type { Component } from "./tree/module.ts";
import { walk } from "./tree/walk.ts";

/**
 * The model without some of its parts, for those who load only the others: `--without talker,code2wav` leaves the thinker of
 * an omni model.
 * @param parts components by name.
 * @throws InputError for a part that the model does not have.
 */
export function withoutParts(model: Model, parts: readonly string[] = []): Model {
  if (parts.length === 0) return model;
  const there = new Set<Component>();
  walk(model.root, (module, { component }) => {
    if (component && module.tensors.length > 0) there.add(component);
  });
  for (const part of parts) {
    if (there.has(part as Component)) continue;
    throw new InputError(
      "unknown-option",
      `--without is ${shown(part)}, which is no part of this model: it has ${[...there].join(", ")} (nearest: ${nearest(part, there, 1).join("")}).`,
      "without",
    );
  }
  if (parts.length === there.size) {
    throw new InputError(
      "unknown-option",
      "--without names every part of this model: leave one.",
      "without",
    );
  }
  const gone = new Set(parts as readonly Component[]);
  const { vision, ...blind } = model;
  return {
    ...(gone.has("vision_encoder") ? blind : model),
    root: lacking(model.root, gone),
    assumptions: [...model.assumptions, `Not loaded: ${parts.join(", ")}, as --without says.`],
  };
}
