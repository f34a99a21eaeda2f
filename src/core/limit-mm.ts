import { InputError, nearest, shown } from "./errors.ts";

export const MODALITIES = ["audio", "image", "video"] as const;
export type Modality = (typeof MODALITIES)[number];

/** How many items of a modality a prompt may have, and how large the one is that a server measures itself with. */
export interface ModalityLimit {
  readonly count: number;
  /** Samples of the audio that is measured with, no more than the model's own. */
  readonly length?: number;
}
export type ModalityLimits = Readonly<Partial<Record<Modality, ModalityLimit>>>;

const MOST = 2 ** 20;
const MOST_SAMPLES = 2 ** 40;
const FLAG = "--limit-mm-per-prompt";

/**
 * vLLM's `--limit-mm-per-prompt`: `{"audio": 1, "image": 0}`, `{"audio": {"count": 1, "length": 480000}}`, as JSON text or as
 * an object, or `audio=1,image=0`.
 * @throws InputError for anything else.
 */
export function parseModalityLimits(given: unknown): ModalityLimits {
  const value = typeof given === "string" ? fromText(given) : given;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(given);
  const limits: Partial<Record<Modality, ModalityLimit>> = {};
  for (const [key, limit] of Object.entries(value)) {
    const modality = MODALITIES.find((known) => known === key);
    if (!modality) {
      throw new InputError(
        "unknown-option",
        `${FLAG} has ${shown(key)}, which is no modality: use ${MODALITIES.join(", ")} (nearest: ${nearest(key, MODALITIES, 1).join("")}).`,
        "limitMmPerPrompt",
      );
    }
    limits[modality] = limitOf(modality, limit);
  }
  return limits;
}

function fromText(text: string): unknown {
  if (text.trimStart().startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      throw malformed(text);
    }
  }
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [key = "", count = ""] = pair.split("=").map((part) => part.trim());
      if (count === "") throw malformed(text);
      return [key, Number(count)];
    }),
  );
}

function limitOf(modality: Modality, given: unknown): ModalityLimit {
  if (typeof given === "number") return { count: counted(given, modality, MOST) };
  if (typeof given !== "object" || given === null || Array.isArray(given))
    return { count: counted(given, modality, MOST) };
  const { count = 1, length } = given as { count?: unknown; length?: unknown };
  return {
    count: counted(count, `${modality}.count`, MOST),
    ...(length !== undefined && { length: counted(length, `${modality}.length`, MOST_SAMPLES) }),
  };
}

function counted(value: unknown, where: string, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most)
    return value;
  throw new InputError(
    "out-of-range",
    `${FLAG} has ${shown(value)} for ${where}, but it must be a whole number from 0 to ${most}.`,
    "limitMmPerPrompt",
  );
}

const malformed = (given: unknown): InputError =>
  new InputError(
    "wrong-type",
    `${FLAG} is ${shown(given)}, but must be like '{"audio": 1, "image": 0}' or audio=1,image=0.`,
    "limitMmPerPrompt",
  );
