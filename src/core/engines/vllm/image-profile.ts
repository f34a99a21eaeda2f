import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import { largestImage } from "../../vision/largest-image.ts";
import type { Setup } from "../engine.ts";
import { innerLevels } from "../transformers/images.ts";
import type { Tower } from "../transformers/tower.ts";
import {
  type BatchLimits,
  type EncoderProfile,
  feedForwards,
  itemsPerBatch,
} from "./encoder-profile.ts";

/**
 * The profile run's dummy is the image that becomes the most tokens (`multimodal/profiling.py` by way of each model's
 * `get_image_size_with_most_features`), as many times as fit into the encoder's budget. Inner layers that are projected too
 * are handed on beside the last one. Undefined for models that do not see, whose encoder is not described, or where no
 * prompt may have an image.
 */
export function imageProfile({
  model,
  towers,
  width,
  sizes,
  setup,
}: {
  readonly model: Model;
  readonly towers: readonly Tower[];
  /** Of the language model. */
  readonly width: number;
  readonly sizes: BatchLimits;
  readonly setup: Setup;
}): EncoderProfile | undefined {
  const tower = towers.find(({ op }) => op.reads === "images");
  const limit = setup.server.limitMmPerPrompt?.image?.count;
  if (!tower || !model.vision || limit === 0) return undefined;
  const dummy = largestImage(model.vision);
  const perItem = Math.max(1, dummy.tokens || dummy.crossPositions);
  const { budget, items } = itemsPerBatch(perItem, [limit], sizes);
  const inner = Math.max(0, ...feedForwards(tower.module));
  const size = bytesOf(setup.compute);
  return {
    peak: items * dummy.patches * (inner + 8 * tower.op.width) * size,
    output: budget * width * (1 + innerLevels(model.root)) * size,
    perItem,
  };
}

/** One modality is profiled: the one whose item has the most tokens, and of equal ones the later by name. */
export function profiled(
  audio: EncoderProfile | undefined,
  image: EncoderProfile | undefined,
): EncoderProfile {
  if (image && image.perItem >= (audio?.perItem ?? 0)) return image;
  return audio ?? { peak: 0, output: 0, perItem: 0 };
}
