import type { DescribeOptions } from "../core/describe.ts";
import type { Place } from "./place.ts";

/** Files of a model besides its config.json that say something about memory. */
const GENERATION = "generation_config.json";
/** transformers 5 writes the second one, with the feature extractor in a section of its own. */
const PREPROCESSORS = ["preprocessor_config.json", "processor_config.json"];

export async function filesBeside(
  at: Place,
): Promise<Pick<DescribeOptions, "generation" | "preprocessor" | "preprocessorFile">> {
  const [generation, ...found] = await Promise.all(
    [GENERATION, ...PREPROCESSORS].map((file) => at.json(file)),
  );
  const which = found.findIndex((value) => value !== undefined && value !== null);
  const preprocessorFile = PREPROCESSORS[which];
  return {
    ...(generation !== undefined && generation !== null && { generation }),
    ...(preprocessorFile !== undefined && { preprocessor: found[which], preprocessorFile }),
  };
}
