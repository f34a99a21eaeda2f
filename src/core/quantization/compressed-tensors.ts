import { own, type RawConfig, section, within } from "../config/raw.ts";
import {
  type Door,
  flag,
  integer,
  list,
  maybe,
  or,
  orNull,
  reader,
  text,
} from "../config/schema.ts";
import { blockFloatLayout, bytewiseLayout, type Grain, groupLayout } from "./layouts.ts";
import { type Names, namesOf } from "./names.ts";
import { linearScheme } from "./rules.ts";
import type { Format, Scheme } from "./scheme.ts";

const readConfig = reader(() => ({
  format: or(text(), "dense"),
  ignore: or(list(text()), []),
}));
const readGroup = reader(() => ({
  targets: or(list(text()), ["Linear"]),
  format: maybe(text()),
}));
const readWeights = reader(() => ({
  num_bits: or(integer(1, 16), 8),
  type: or(text(), "int"),
  strategy: maybe(text()),
  group_size: maybe(orNull(integer(-1, 2 ** 20))),
  symmetric: or(flag(), true),
}));

interface Group {
  readonly targets: Names;
  /** Every linear layer, by its class. */
  readonly linears: boolean;
  readonly format: Format | undefined;
}

/** llm-compressor's format (`compressed-tensors`): groups of targets with a layout each, and what is ignored. */
export function compressedTensors(raw: RawConfig, door: Door): Scheme | undefined {
  const config = readConfig(raw, door);
  const sections = section(raw, "config_groups", door.path) ?? {};
  const at = within(door.path, "config_groups");
  const groups = Object.keys(sections).map((key) =>
    group(section(sections, key, at) ?? {}, { ...door, path: within(at, key) }, config.format),
  );
  const [first] = groups;
  if (!first || groups.every(({ format }) => !format)) return undefined;
  return linearScheme({
    name: `compressed-tensors ${config.format}`,
    basis: "exact",
    source:
      "vllm-project/compressed-tensors, compressors: layouts of the packed tensors and their scales",
    format: ({ name }) =>
      (groups.find(({ targets }) => targets.has(name)) ?? groups.find(({ linears }) => linears))
        ?.format,
    scope: "all",
    head: true,
    except: namesOf(config.ignore, within(door.path, "ignore")),
    differs: (name) => groups.some(({ targets }) => targets.differs(name)),
  });
}

function group(raw: RawConfig, door: Door, outer: string): Group {
  const config = readGroup(raw, door);
  const weights = section(raw, "weights", door.path);
  const stored = config.format ?? outer;
  return {
    targets: namesOf(
      config.targets.filter((target) => target !== "Linear"),
      within(door.path, "targets"),
    ),
    linears: config.targets.includes("Linear"),
    format:
      weights &&
      layoutOf(
        stored,
        weights,
        { ...door, path: within(door.path, "weights") },
        {
          activations: isStatic(own(raw, "input_activations")),
        },
      ),
  };
}

/** Activations whose scale was measured beforehand: it is stored beside the weight. */
const isStatic = (activations: unknown): boolean =>
  typeof activations === "object" &&
  activations !== null &&
  own(activations as RawConfig, "dynamic") !== true;

function layoutOf(
  stored: string,
  raw: RawConfig,
  door: Door,
  { activations }: { readonly activations: boolean },
): Format | undefined {
  const weights = readWeights(raw, door);
  const { num_bits: bits, symmetric } = weights;
  const size = weights.group_size ?? 0;
  const strategy = weights.strategy ?? (size > 0 ? "group" : size < 0 ? "channel" : "tensor");
  const actorder = own(raw, "actorder");
  switch (stored) {
    case "pack-quantized":
      return groupLayout({
        bits,
        group: size > 0 ? size : "row",
        zero: symmetric ? "none" : "packed",
        words: true,
        shape: true,
        ...((actorder === "group" || actorder === true) && { index: "act-order" as const }),
      });
    case "int-quantized":
    case "naive-quantized":
    case "float-quantized":
      return bytewiseLayout(
        weights.type === "float" ? "fp8" : "int8",
        grainOf(strategy, size, raw),
        {
          zeros: !symmetric,
          activations,
        },
      );
    case "nvfp4-pack-quantized":
      return blockFloatLayout({ unit: "nvfp4", block: 16, globals: activations ? 2 : 1 });
    case "mxfp4-pack-quantized":
      return blockFloatLayout({ unit: "mxfp4", block: 32, globals: 0 });
    default:
      return undefined;
  }
}

/** DeepSeek's blocks, where a `block` strategy names none. */
const BLOCK = 128;

function grainOf(strategy: string, size: number, raw: RawConfig): Grain {
  if (strategy === "channel" || strategy === "token") return "row";
  if (strategy === "group" && size > 0) return [1, size];
  if (strategy !== "block") return "tensor";
  const stated = own(raw, "block_structure");
  const [high, wide] = (Array.isArray(stated) ? stated : String(stated ?? "").split("x")).map(
    Number,
  );
  return [high && high > 0 ? high : BLOCK, wide && wide > 0 ? wide : BLOCK];
}
