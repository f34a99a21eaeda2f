import { groupLayout } from "./layouts.ts";
import { namesOf } from "./names.ts";
import { linearScheme } from "./rules.ts";
import type { Scheme } from "./scheme.ts";

/** What AWQ's and GPTQ's configs say, in our words. */
export interface IntegerConfig {
  readonly bits: number;
  /** -1: one scale for a whole row. */
  readonly group: number;
  readonly except?: readonly string[];
  readonly head?: boolean;
  readonly path?: string;
}

const grouped = (group: number): number | "row" => (group > 0 ? group : "row");
const said = (group: number): string => (group > 0 ? `groups of ${group}` : "one group a row");

/** AWQ (Lin et al. 2023): packed codes, fp16 scales, packed zeros. Layer by layer, so the language model's layers alone. */
export function awq(
  { bits, group, except = [], head = false, path = "" }: IntegerConfig,
  zeros = true,
): Scheme {
  const format = groupLayout({
    bits,
    group: grouped(group),
    zero: zeros ? "packed" : "none",
    scale: "fp16",
  });
  return linearScheme({
    name: `AWQ ${bits}-bit, ${said(group)}`,
    basis: "exact",
    source: "AutoAWQ, WQLinear_GEMM: qweight and qzeros int32, scales fp16",
    format: () => format,
    scope: "language",
    head,
    except: namesOf(except, path),
  });
}

export interface GptqConfig extends IntegerConfig {
  readonly actOrder: boolean;
  /** Patterns of modules with settings of their own (GPTQModel's `dynamic`): "-" leaves them out. */
  readonly dynamic?: readonly (readonly [
    pattern: string,
    own: Partial<IntegerConfig> | undefined,
  ])[];
}

/** GPTQ (Frantar et al. 2022): zeros are stored for symmetric codes too, and every input's group, in order or not. */
export function gptq(config: GptqConfig): Scheme {
  const { bits, group, actOrder, except = [], head = false, path = "", dynamic = [] } = config;
  const layout = (own: { bits: number; group: number }) =>
    groupLayout({
      bits: own.bits,
      group: grouped(own.group),
      zero: "packed",
      scale: "fp16",
      index: actOrder ? "act-order" : "always",
    });
  const usual = layout({ bits, group });
  const special = dynamic.map(([pattern, own]) => ({
    names: namesOf([pattern], path),
    format: own && layout({ bits: own.bits ?? bits, group: own.group ?? group }),
  }));
  return linearScheme({
    name: `GPTQ ${bits}-bit, ${said(group)}${actOrder ? ", act-order" : ""}`,
    basis: "exact",
    source: "GPTQModel, QuantLinear: qweight, qzeros and g_idx int32, scales fp16",
    format: ({ name }) => {
      const own = special.find(({ names }) => names.has(name));
      return own ? own.format : usual;
    },
    scope: "language",
    head,
    except: namesOf(except, path),
    differs: (one) => special.some(({ names }) => names.differs(one)),
  });
}
