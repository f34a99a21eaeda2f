import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import { largestImage } from "../../vision/largest-image.ts";
import type { Setup } from "../engine.ts";
import { innerLevels } from "../transformers/images.ts";
import type { Tower } from "../transformers/tower.ts";

/** What a profile run over images takes. */
export interface ImageProfile {
  /** Tokens of the largest image. */
  readonly perItem: number;
  /** Bytes while the encoder runs over as many of them as one batch may hold. */
  readonly encoder: number;
  /** Vectors that the language model gets for every token: one, and one for each inner layer that is projected. */
  readonly vectors: number;
}

/**
 * The profile run's dummy is the image that becomes the most tokens (`multimodal/profiling.py` by way of each model's
 * `get_image_size_with_most_features`), as many times as fit into the encoder's budget (`multimodal/encoder_budget.py`).
 * Undefined for models that do not see, or whose encoder is not described.
 * @param inner the widest feed-forward of an encoder.
 */
export function imageProfile(
  model: Model,
  towers: readonly Tower[],
  maxNumBatchedTokens: number,
  setup: Setup,
  inner: (tower: Tower) => number,
): ImageProfile | undefined {
  const tower = towers.find(({ op }) => op.reads === "images");
  if (!tower || !model.vision) return undefined;
  const dummy = largestImage(model.vision);
  const perItem = Math.max(1, dummy.tokens || dummy.crossPositions);
  const items = Math.max(1, Math.floor(Math.max(maxNumBatchedTokens, perItem) / perItem));
  return {
    perItem,
    encoder: items * dummy.patches * (inner(tower) + 8 * tower.op.width) * bytesOf(setup.compute),
    vectors: 1 + innerLevels(model.root),
  };
}
