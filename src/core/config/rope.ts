import { type RawConfig, section } from "./raw.ts";
import type { Door } from "./schema.ts";
import { decimal, maybe, reader } from "./schema.ts";

const readFactor = reader(() => ({ partial_rotary_factor: maybe(decimal()) }));

/** The section of rotary parameters: the older `rope_scaling` wins over `rope_parameters`, as in transformers 5. */
export const ropeSection = (raw: RawConfig, door: Door): RawConfig | undefined =>
  section(raw, "rope_scaling", door.path) ?? section(raw, "rope_parameters", door.path);

/** Values of a head that turn: `partial_rotary_factor` of them, inside the rotary parameters or beside them. */
export function rotatedWidth(raw: RawConfig, door: Door, headDim: number, preset: number): number {
  const inside = readFactor(ropeSection(raw, door) ?? {}, door).partial_rotary_factor;
  const factor = inside ?? readFactor(raw, door).partial_rotary_factor ?? preset;
  return Math.max(0, Math.floor(headDim * factor));
}
