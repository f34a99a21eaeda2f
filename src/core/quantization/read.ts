import { own, type RawConfig, section, within } from "../config/raw.ts";
import { type Door, flag, integer, list, maybe, or, reader, text } from "../config/schema.ts";
import { shown } from "../errors.ts";
import { compressedTensors } from "./compressed-tensors.ts";
import { fp8, mxfp4, mxfp8, nvfp4 } from "./floats.ts";
import { awq, gptq, type IntegerConfig } from "./integers.ts";
import { bitsandbytes4, bitsandbytes8, hqq, torchao } from "./on-load.ts";
import type { Scheme } from "./scheme.ts";

/** Sections in which a composite model's config may keep the quantisation of its language model. */
const INSIDE = ["text_config", "thinker_config", "language_config", "llm_config"];
const KEYS = ["quantization_config", "compression_config"];

/** What a config states for its checkpoint. */
export interface StatedQuantization {
  readonly quantization?: Scheme;
  /** The name of one that is not known here. */
  readonly unreadQuantization?: string;
}

export function readQuantization(raw: RawConfig): StatedQuantization {
  const found = sectionOf(raw, "", 2);
  if (!found) return {};
  const [quantization, path] = found;
  const door: Door = { path, defaulted: new Set() };
  const method = methodOf(quantization, door);
  const scheme = method === undefined ? undefined : READERS[method]?.(quantization, door);
  return scheme
    ? { quantization: scheme }
    : { unreadQuantization: `${path} (${shown(own(quantization, "quant_method") ?? null)})` };
}

function sectionOf(
  raw: RawConfig,
  path: string,
  depth: number,
): readonly [RawConfig, string] | undefined {
  for (const key of KEYS) {
    const found = section(raw, key, path);
    if (found && Object.keys(found).length > 0) return [found, within(path, key)];
  }
  if (depth === 0) return undefined;
  for (const key of INSIDE) {
    const value = own(raw, key);
    if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
    const found = sectionOf(value as RawConfig, within(path, key), depth - 1);
    if (found) return found;
  }
  return undefined;
}

const readMethod = reader(() => ({ quant_method: maybe(text()), quant_algo: maybe(text()) }));

function methodOf(raw: RawConfig, door: Door): string | undefined {
  const { quant_method, quant_algo } = readMethod(raw, door);
  if (quant_method === undefined && quant_algo !== undefined) return "modelopt";
  // Configs of bitsandbytes from before there were other methods name none.
  if (quant_method === undefined && (own(raw, "load_in_4bit") || own(raw, "load_in_8bit")))
    return "bitsandbytes";
  if (quant_method?.startsWith("modelopt")) return "modelopt";
  return quant_method;
}

type Reader = (raw: RawConfig, door: Door) => Scheme | undefined;

const names = () => maybe(list(text()));

const readFp8 = reader(() => ({
  weight_block_size: maybe(list(integer(1, 2 ** 20))),
  activation_scheme: or(text(), "dynamic"),
  modules_to_not_convert: names(),
  ignored_layers: names(),
}));

function fp8Of(raw: RawConfig, door: Door): Scheme {
  const { weight_block_size: block, activation_scheme, ...lists } = readFp8(raw, door);
  const [high, wide] = block ?? [];
  return fp8(high !== undefined && wide !== undefined ? [high, wide] : "tensor", {
    except: [...(lists.modules_to_not_convert ?? []), ...(lists.ignored_layers ?? [])],
    path: within(door.path, "modules_to_not_convert"),
    activations: activation_scheme === "static",
  });
}

const readExcept = reader(() => ({ modules_to_not_convert: names() }));
const exceptOf = (raw: RawConfig, door: Door) => ({
  except: readExcept(raw, door).modules_to_not_convert ?? [],
  path: within(door.path, "modules_to_not_convert"),
});

const BITS = [1, 16] as const;
const GROUP = [-1, 2 ** 20] as const;

const readAwq = reader(() => ({
  bits: maybe(integer(...BITS)),
  w_bit: maybe(integer(...BITS)),
  group_size: maybe(integer(...GROUP)),
  q_group_size: maybe(integer(...GROUP)),
  zero_point: or(flag(), true),
  lm_head: or(flag(), false),
}));

function awqOf(raw: RawConfig, door: Door): Scheme {
  const config = readAwq(raw, door);
  const bits = config.bits ?? config.w_bit ?? 4;
  const group = config.group_size ?? config.q_group_size ?? 128;
  return awq({ bits, group, head: config.lm_head, ...exceptOf(raw, door) }, config.zero_point);
}

const readGptq = reader(() => ({
  bits: or(integer(...BITS), 4),
  group_size: or(integer(...GROUP), 128),
  desc_act: or(flag(), false),
  lm_head: or(flag(), false),
}));
const readOwn = reader(() => ({
  bits: maybe(integer(...BITS)),
  group_size: maybe(integer(...GROUP)),
}));

function gptqOf(raw: RawConfig, door: Door): Scheme {
  const { bits, group_size, desc_act, lm_head } = readGptq(raw, door);
  const path = within(door.path, "dynamic");
  const special = section(raw, "dynamic", door.path) ?? {};
  const dynamic = Object.keys(special).map((key) => {
    const settings = readOwn(section(special, key, path) ?? {}, { ...door, path });
    const own: Partial<IntegerConfig> = {
      ...(settings.bits !== undefined && { bits: settings.bits }),
      ...(settings.group_size !== undefined && { group: settings.group_size }),
    };
    const pattern = `re:${key.replace(/^[+-]:/, "")}`;
    return [pattern, key.startsWith("-:") ? undefined : own] as const;
  });
  return gptq({
    bits,
    group: group_size,
    actOrder: desc_act,
    head: lm_head,
    dynamic,
    ...exceptOf(raw, door),
  });
}

const readBitsandbytes = reader(() => ({
  load_in_8bit: or(flag(), false),
  load_in_4bit: or(flag(), false),
  bnb_4bit_quant_type: or(text(), "fp4"),
  bnb_4bit_use_double_quant: or(flag(), false),
  llm_int8_skip_modules: names(),
}));

function bitsandbytesOf(raw: RawConfig, door: Door): Scheme | undefined {
  const config = readBitsandbytes(raw, door);
  const except = config.llm_int8_skip_modules ?? [];
  const path = within(door.path, "llm_int8_skip_modules");
  if (config.load_in_8bit) return bitsandbytes8(except, path);
  if (!config.load_in_4bit) return undefined;
  const unit = config.bnb_4bit_quant_type === "nf4" ? "nf4" : "fp4";
  return bitsandbytes4(unit, config.bnb_4bit_use_double_quant, except, path);
}

const readModelopt = reader(() => ({
  quant_algo: or(text(), ""),
  exclude_modules: names(),
  ignore: names(),
}));

function modeloptOf(raw: RawConfig, door: Door): Scheme | undefined {
  const { quant_algo, exclude_modules = [], ignore = [] } = readModelopt(raw, door);
  const config = {
    except: [...exclude_modules, ...ignore],
    path: within(door.path, "exclude_modules"),
    activations: true,
  };
  const algorithm = quant_algo.toUpperCase();
  if (algorithm === "FP8") return fp8("tensor", config);
  return algorithm === "NVFP4" ? nvfp4(config) : undefined;
}

/** Class of torchao's config, or the older name of it, and what it stores. */
const TORCHAO = [
  [/^int4_?weight_?only/i, "int4"],
  [/^int8_?(weight_?only|dynamic_?activation_?int8)/i, "int8"],
  [/^float8/i, "fp8"],
] as const;
const readGroupSize = reader(() => ({ group_size: or(integer(1, 2 ** 20), 128) }));

function torchaoOf(raw: RawConfig, door: Door): Scheme | undefined {
  const stated = own(raw, "quant_type");
  const typed = typeof stated === "string" ? undefined : section(raw, "quant_type", door.path);
  const inner = typed && (section(typed, "default", door.path) ?? typed);
  const name = typeof stated === "string" ? stated : inner && own(inner, "_type");
  const settings =
    (inner ? section(inner, "_data", door.path) : section(raw, "quant_type_kwargs", door.path)) ??
    {};
  const kind = TORCHAO.find(([pattern]) => pattern.test(String(name)))?.[1];
  const { except, path } = exceptOf(raw, door);
  return kind && torchao(kind, readGroupSize(settings, door).group_size, except, path);
}

const readHqq = reader(() => ({
  nbits: or(integer(1, 8), 4),
  group_size: or(integer(1, 2 ** 20), 64),
}));
const readSkipped = reader(() => ({ skip_modules: or(list(text()), ["lm_head"]) }));

function hqqOf(raw: RawConfig, door: Door): Scheme | undefined {
  const outer = section(raw, "quant_config", door.path) ?? {};
  const settings = section(outer, "weight_quant_params", door.path);
  if (!settings) return undefined;
  const { nbits, group_size } = readHqq(settings, door);
  const { skip_modules } = readSkipped(raw, door);
  return hqq(nbits, group_size, skip_modules, within(door.path, "skip_modules"));
}

const READERS: Readonly<Record<string, Reader>> = {
  // Without a prototype: a method called "constructor" finds nothing.
  __proto__: null as never,
  fp8: fp8Of,
  fbgemm_fp8: (raw, door) => fp8("row", exceptOf(raw, door)),
  awq: awqOf,
  gptq: gptqOf,
  bitsandbytes: bitsandbytesOf,
  "compressed-tensors": compressedTensors,
  mxfp4: (raw, door) => mxfp4({ expertsOnly: true, ...exceptOf(raw, door) }),
  mxfp8: (raw, door) => mxfp8(exceptOf(raw, door)),
  modelopt: modeloptOf,
  torchao: torchaoOf,
  hqq: hqqOf,
};
