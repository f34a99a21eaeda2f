import type { Checkpoint, StoredTensor } from "./derive/checkpoint.ts";
import { isPacked, matchCheckpoint, type Slot } from "./derive/match.ts";
import type { Model } from "./model.ts";
import { BLOCKS } from "./quantization/gguf-types.ts";
import { type Part, part, type Scheme, type StoredCopies } from "./quantization/scheme.ts";
import { storedBytes, storedTensors } from "./quantization/stored.ts";
import { elements } from "./tree/tensor.ts";
import { grouped } from "./units.ts";

/**
 * The model with its weights as a checkpoint's header states them. What is packed (codes with their scales, zeros and
 * indices; GGUF's blocks) is then counted from the header; numbers in a dtype are cast by every engine, so those stay with
 * the tree. A checkpoint without packed tensors, or one whose config states no quantisation, changes nothing.
 * @param comparable the tensors under the tree's names, where the format has names of its own.
 */
export function withCheckpoint(
  model: Model,
  checkpoint: Checkpoint,
  comparable: readonly StoredTensor[] = checkpoint.tensors,
): Model {
  const gguf = checkpoint.format === "gguf";
  const known = model.quantization;
  if (comparable.length === 0 || !(gguf || known || model.unreadQuantization)) return model;
  const { slots } = matchCheckpoint(model.root, comparable);
  const copies = copiesOf(slots, gguf);
  if (![...copies.values()].flat().some(({ packed }) => packed) && !gguf) return model;
  const scheme: Scheme = {
    name: known?.name ?? (gguf ? ggufName(checkpoint) : `${model.unreadQuantization} as stored`),
    basis: "exact",
    source: `header of ${checkpoint.source}`,
    differs: (weight) => known?.differs(weight) ?? false,
    formatOf: (weight) => known?.formatOf(weight),
    stored: (pattern) => copies.get(pattern),
    // transformers 5.18, quantizers/quantizer_gguf.py, update_dtype: torch's default dtype, whatever the file holds.
    ...(gguf && { unpacksTo: "fp32" as const }),
  };
  return {
    ...model,
    quantization: scheme,
    assumptions: [...model.assumptions, ...difference(model, known, scheme)],
  };
}

/** What the header has of each tensor of the tree; GGUF's numbers too, which its own runtimes hold as they are. */
function copiesOf(slots: readonly Slot[], gguf: boolean): ReadonlyMap<string, StoredCopies[]> {
  const found = new Map<string, Map<string, StoredCopies>>();
  for (const { pattern, by } of slots) {
    if (by.length === 0) continue;
    const all = found.get(pattern) ?? new Map<string, StoredCopies>();
    found.set(pattern, all);
    const packed = by.some(isPacked);
    if (!packed && !gguf) continue;
    const parts = by.filter(({ name }) => !DESCRIPTION.test(name)).flatMap(partsOf);
    const key = JSON.stringify(parts);
    all.set(key, { copies: (all.get(key)?.copies ?? 0) + 1, parts, packed });
  }
  return new Map([...found].map(([pattern, all]) => [pattern, [...all.values()]]));
}

/**
 * What describes a packing and is read by the host: bitsandbytes' `quant_state.bitsandbytes__nf4` (JSON as bytes) and
 * `weight_format` (bitsandbytes, functional.py, QuantState.from_dict, and nn/modules.py, Linear8bitLt).
 */
const DESCRIPTION = /\.(quant_state\.\w+|weight_format)$/;

function partsOf({ name, dtype, shape, bytes }: StoredTensor): readonly Part[] {
  const block = Object.hasOwn(BLOCKS, dtype) ? BLOCKS[dtype as keyof typeof BLOCKS] : undefined;
  if (block && block.size > 1)
    return [part(`blocks of ${block.size}`, bytes / block.bytes, block.bytes, dtype)];
  const count = elements(shape);
  const what = name.split(".").at(-1) ?? name;
  const parts = [
    count > 0 && bytes % count === 0
      ? part(what, count, bytes / count, dtype)
      : part(what, bytes, 1, dtype),
  ];
  // Double quantisation: the mean of the scales stands in that JSON, and becomes a tensor beside them.
  return what === "nested_absmax" ? [...parts, part("nested offsets", 1, 4, "F32")] : parts;
}

function ggufName({ tensors }: Checkpoint): string {
  const bytes = new Map<string, number>();
  for (const tensor of tensors)
    bytes.set(tensor.dtype, (bytes.get(tensor.dtype) ?? 0) + tensor.bytes);
  const names = [...bytes].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  return `GGUF ${names.slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}, as stored`;
}

/** Where the header and the rule for the config's scheme give different sizes. */
function difference(model: Model, rule: Scheme | undefined, header: Scheme): readonly string[] {
  if (!rule) return [];
  const size = (quantization: Scheme): number => {
    const precision = model.dtype ?? "fp16";
    return storedBytes(
      storedTensors(model.root, { quantization, precision, compute: precision, tensorParallel: 1 }),
    );
  };
  const [stored, ruled] = [size(header), size(rule)];
  if (stored === ruled) return [];
  const more = stored > ruled ? "more" : "fewer";
  return [
    `The checkpoint's header gives ${grouped(Math.abs(stored - ruled))} bytes ${more} of weights than the rule for ${rule.name} (${grouped(ruled)}): the header is counted.`,
  ];
}
