import { InputError, shown } from "../errors.ts";
import { own, type RawConfig, within } from "./raw.ts";
import { count, type Door, maybe, reader } from "./schema.ts";

const readCount = reader(() => ({ num_labels: maybe(count()) }));

/** transformers' `PreTrainedConfig.num_labels` where a config names no labels. */
const UNNAMED_LABELS = 2;

/** Classes of a classification head: as many as `id2label` names, else `num_labels`, else two. */
export function labelCount(raw: RawConfig, door: Door): number {
  const named = own(raw, "id2label");
  if (typeof named === "object" && named !== null && !Array.isArray(named)) {
    const labels = Object.keys(named).length;
    if (labels > 0) return labels;
  }
  if (named !== undefined && named !== null) {
    throw new InputError(
      "wrong-type",
      `${within(door.path, "id2label")} is ${shown(named)}, but must be an object that names at least one label: correct it in the config.`,
      within(door.path, "id2label"),
    );
  }
  return readCount(raw, door).num_labels ?? UNNAMED_LABELS;
}
