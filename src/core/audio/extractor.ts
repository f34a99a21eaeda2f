import { own, type RawConfig } from "../config/raw.ts";
import { decimal, integer, maybe, reader } from "../config/schema.ts";
import { grouped } from "../units.ts";
import type { AudioGeometry } from "./geometry.ts";

/** Where a processor's file keeps its feature extractor: at the top, or in a section of its own. */
const SECTIONS = ["feature_extractor", "audio_processor", "audio_feature_extractor"];

const MOST_SAMPLES = 2 ** 40;
const read = reader(() => ({
  sampling_rate: maybe(integer(1, 2 ** 24)),
  hop_length: maybe(integer(1, 2 ** 24)),
  feature_size: maybe(integer(1, 2 ** 24)),
  n_samples: maybe(integer(1, MOST_SAMPLES)),
  nb_max_samples: maybe(integer(1, MOST_SAMPLES)),
  chunk_length: maybe(decimal()),
}));

/** The feature extractor's own section of a preprocessor_config.json or processor_config.json, if it has one. */
function extractorOf(raw: RawConfig): RawConfig | undefined {
  for (const key of SECTIONS) {
    const value = own(raw, key);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as RawConfig;
  }
  return own(raw, "sampling_rate") === undefined ? undefined : raw;
}

/**
 * The geometry with what the feature extractor states: its rate, its hop where frames are made by one, and its window where
 * no table of positions bounds it (then the encoder's own length holds, and a file that says another is only named).
 * @param file its name, for the report.
 */
export function withExtractor(
  geometry: AudioGeometry,
  raw: RawConfig,
  file: string,
  assumptions: Set<string>,
): AudioGeometry {
  const section = extractorOf(raw);
  if (!section) return geometry;
  const found = read(section, { path: file, defaulted: new Set() });
  const rate = found.sampling_rate ?? geometry.sampleRate;
  const chunk = found.chunk_length;
  const samples =
    found.n_samples ??
    found.nb_max_samples ??
    (chunk !== undefined && chunk > 0 ? Math.round(chunk * rate) : undefined);
  const { window } = geometry;
  const [step, ...others] = geometry.framing;
  const hop =
    step && (step.kind === "floor" || step.kind === "ceil") && others.length === 0
      ? found.hop_length
      : undefined;
  const bounded = geometry.maxPositions !== undefined;
  const taken: string[] = [];
  const differs: string[] = [];
  if (found.sampling_rate !== undefined) taken.push(`${grouped(rate)} samples a second`);
  if (hop !== undefined) taken.push(`a frame every ${grouped(hop)} samples`);
  if (samples !== undefined && window) {
    if (!bounded) taken.push(`windows of ${grouped(samples)} samples`);
    else if (samples !== window.samples)
      differs.push(
        `its windows of ${grouped(samples)} samples are not the encoder's ${grouped(window.samples)}`,
      );
  }
  if (found.feature_size !== undefined && found.feature_size !== geometry.bins && geometry.bins > 1)
    differs.push(
      `its ${grouped(found.feature_size)} features are not the encoder's ${geometry.bins}`,
    );
  if (taken.length > 0) assumptions.add(`From ${file}: ${taken.join(", ")}.`);
  if (differs.length > 0)
    assumptions.add(
      `${file} does not fit the config: ${differs.join(", ")}; the config's are counted.`,
    );
  return {
    ...geometry,
    sampleRate: rate,
    ...(step && hop !== undefined && "by" in step && { framing: [{ ...step, by: hop }] }),
    ...(window && samples !== undefined && !bounded && { window: { ...window, samples } }),
  };
}
