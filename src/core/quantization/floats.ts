import { blockFloatLayout, bytewiseLayout, type Grain } from "./layouts.ts";
import { namesOf } from "./names.ts";
import { linearScheme } from "./rules.ts";
import type { Format, Scheme } from "./scheme.ts";

interface FloatConfig {
  readonly except?: readonly string[];
  readonly path?: string;
  /** Default: every linear layer. */
  readonly expertsOnly?: boolean;
  /** Activation scales that were measured beforehand are stored. */
  readonly activations?: boolean;
}

const GRAINS = { tensor: "one scale a matrix", row: "one scale a row" } as const;

/** E4M3 or E5M2 weights with fp32 scales: one each (vLLM's `fp8`), one a row (FBGEMM), or one a block (DeepSeek-V3). */
export function fp8(grain: Grain, config: FloatConfig = {}): Scheme {
  const format = bytewiseLayout("fp8", grain, { activations: config.activations ?? false });
  const said = typeof grain === "string" ? GRAINS[grain] : `blocks of ${grain.join(" × ")}`;
  return of(
    `fp8, ${said}`,
    "transformers, integrations/finegrained_fp8.py, and vLLM, quantization/fp8.py: weight and fp32 weight_scale(_inv)",
    format,
    config,
  );
}

/** OCP Microscaling Formats 1.0, section 5.2: 32 values of a row share an 8-bit exponent. */
export const mxfp4 = (config: FloatConfig = {}): Scheme =>
  of(
    "mxfp4, blocks of 32",
    "OCP Microscaling Formats 1.0, section 5.2; gpt-oss: blocks and scales uint8",
    blockFloatLayout({ unit: "mxfp4", block: 32, globals: 0 }),
    config,
  );

/** The same with 8-bit values. */
export const mxfp8 = (config: FloatConfig = {}): Scheme =>
  of(
    "mxfp8, blocks of 32",
    "OCP Microscaling Formats 1.0, section 5.1",
    blockFloatLayout({ unit: "mxfp8", block: 32, globals: 0 }),
    config,
  );

/** 16 values of a row share an fp8 scale, and all of them an fp32 one. */
export const nvfp4 = (config: FloatConfig = {}): Scheme =>
  of(
    "nvfp4, blocks of 16",
    "NVIDIA, Introducing NVFP4 (2025): fp8 block scales and fp32 global scales",
    blockFloatLayout({ unit: "nvfp4", block: 16, globals: config.activations ? 2 : 1 }),
    config,
  );

function of(name: string, source: string, format: Format, config: FloatConfig): Scheme {
  return linearScheme({
    name: `${name}${config.expertsOnly ? ", experts alone" : ""}`,
    basis: "exact",
    source,
    format: () => format,
    scope: "all",
    expertsOnly: config.expertsOnly ?? false,
    except: namesOf(config.except ?? [], config.path ?? ""),
  });
}
