import { own, type RawConfig } from "./raw.ts";
import { integer, maybe, reader, text } from "./schema.ts";

/** What a model's generation_config.json presets that changes memory. */
export interface Generation {
  readonly numBeams?: number;
  readonly numReturnSequences?: number;
  readonly cacheImplementation?: "static";
  /** Tokens that are generated where nobody says how many. */
  readonly maxNewTokens?: number;
  /** Prompt and generated tokens together. */
  readonly maxLength?: number;
  readonly wordTimestamps?: true;
}

const FILE = "generation_config.json";
const MOST = 2 ** 31;

const read = reader(() => ({
  num_beams: maybe(integer(1, 2 ** 12)),
  num_return_sequences: maybe(integer(1, 2 ** 12)),
  max_new_tokens: maybe(integer(0, MOST)),
  max_length: maybe(integer(0, MOST)),
  cache_implementation: maybe(text()),
}));

/** What `max_length` is where a file does not set it (GenerationConfig): nobody's wish. */
const UNSET_LENGTH = 20;

/**
 * Reads what `generate()` takes from the file. A `cache_implementation` of "hybrid" becomes a dynamic cache in transformers
 * 5 (generation/utils.py, `_prepare_generation_config`), any other but "static" is not known here.
 */
export function readGeneration(raw: RawConfig, assumptions: Set<string>): Generation {
  const found = read(raw, { path: FILE, defaulted: new Set() });
  const { cache_implementation: cache, max_length: length } = found;
  const words = own(raw, "return_timestamps") === "word";
  const taken: string[] = [];
  const beams = found.num_beams ?? 1;
  const sequences = found.num_return_sequences ?? 1;
  if (beams > 1) taken.push(`num_beams ${beams}`);
  if (sequences > 1) taken.push(`num_return_sequences ${sequences}`);
  if (cache === "static") taken.push("cache_implementation static");
  else if (cache !== undefined && cache !== "dynamic" && cache !== "hybrid")
    assumptions.add(
      `The cache_implementation ${JSON.stringify(cache)} of ${FILE} is not known: a dynamic cache is taken. --cache-implementation says otherwise.`,
    );
  if (words) taken.push("return_timestamps word");
  if (taken.length > 0)
    assumptions.add(
      `From ${FILE}, where transformers generates: ${taken.join(", ")}. Options say otherwise.`,
    );
  return {
    ...(beams > 1 && { numBeams: beams }),
    ...(sequences > 1 && { numReturnSequences: sequences }),
    ...(cache === "static" && { cacheImplementation: "static" as const }),
    ...(found.max_new_tokens !== undefined && { maxNewTokens: found.max_new_tokens }),
    ...(length !== undefined && length !== UNSET_LENGTH && { maxLength: length }),
    ...(words && { wordTimestamps: true as const }),
  };
}
