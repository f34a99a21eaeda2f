import { readFileSync } from "node:fs";
import { calculateTotalMemory, type EstimateOptions } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

interface Run {
  readonly name: string;
  readonly config: unknown;
  readonly options: EstimateOptions;
  readonly peaks: Readonly<Record<"encode" | "prefill" | "decode", number>>;
}

/** Written by validation/image_memory.py: small models of every kind of image encoder, run by transformers. */
const { runs } = JSON.parse(
  readFileSync(new URL("../measurements/image-encoders.json", import.meta.url), "utf8"),
) as { readonly runs: readonly Run[] };

/**
 * Live tensors are deterministic, so what is left are tensors too small to be named (positions, masks of ids), of which these
 * small models have relatively more.
 */
const BAND = 0.02;
/** Llama 4's eager attention makes a mask for chunks beside the one for all, although no layer here has chunks. */
const KNOWN: ReadonlySet<string> = new Set(["llama4 prefill"]);

describe.each(runs)(
  "$name with images, as transformers runs it",
  ({ name, config, options, peaks }) => {
    const report = calculateTotalMemory(config, {
      ...options,
      maxNewTokens: 3,
      precision: "fp32",
      attnImplementation: "eager",
    });

    it.each(["encode", "prefill", "decode"] as const)("%s holds what was observed", (phase) => {
      const { totalBytes = 0, bytesByKind = {} } =
        report.phases.find((one) => one.phase === phase) ?? {};
      const held = totalBytes - (bytesByKind.weights ?? 0) - (bytesByKind.overhead ?? 0);
      const error = Math.abs(held / peaks[phase] - 1);
      if (KNOWN.has(`${name} ${phase}`)) expect(error).toBeGreaterThan(BAND);
      else expect(error, `${held} for ${peaks[phase]}`).toBeLessThan(BAND);
    });
  },
);
