import { parseJson } from "../core/config/raw.ts";
import type { StoredTensor } from "../core/derive/checkpoint.ts";
import { InputError, shown } from "../core/errors.ts";
import { elements } from "../core/tree/tensor.ts";
import type { ByteSource } from "./bytes.ts";

/** The format's own limit (safetensors, `tensor.rs`, MAX_HEADER_SIZE). */
const MAX_HEADER_BYTES = 100_000_000;
/** Read at once: length and header of most files, so that most need a single request. */
const FIRST_READ_BYTES = 128 * 1024;

/** Bits of one element (safetensors, `tensor.rs`, Dtype). */
const BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E5M2FNUZ: 8,
  F8_E4M3FNUZ: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

export interface SafetensorsHeader {
  readonly tensors: readonly StoredTensor[];
  /** Bytes that the file must have; a shorter one holds its header but not all of its weights. */
  readonly statedSize: number;
}

/** The header of a safetensors file: eight bytes of length, then JSON. Never a byte of the weights behind it is needed. */
export async function readSafetensors(source: ByteSource): Promise<SafetensorsHeader> {
  const { name, size } = source;
  if (size < 8) throw malformed(name, `it has ${size} bytes, fewer than the length of a header`);
  const first = await source.read(0, Math.min(size, FIRST_READ_BYTES));
  const length = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw malformed(
      name,
      `its header claims ${length} bytes where the format allows ${MAX_HEADER_BYTES}`,
    );
  }
  if (8 + length > size)
    throw malformed(name, `its header claims ${length} bytes, but the file has ${size} in all`);
  const bytes =
    8 + length <= first.length ? first.subarray(8, 8 + length) : await source.read(8, 8 + length);
  const header = parseJson(new TextDecoder().decode(bytes), `The header of ${name}`);
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw malformed(name, "its header is not a JSON object");
  const tensors: StoredTensor[] = [];
  let end = 0;
  for (const [tensor, entry] of Object.entries(header)) {
    if (tensor === "__metadata__") continue;
    const { stored, to } = readEntry(tensor, entry, name);
    tensors.push(stored);
    end = Math.max(end, to);
  }
  return { tensors, statedSize: 8 + length + end };
}

function readEntry(
  name: string,
  entry: unknown,
  file: string,
): { stored: StoredTensor; to: number } {
  const { dtype, shape, data_offsets } = (entry ?? {}) as Record<string, unknown>;
  const offsets = lengths(data_offsets);
  const sizes = lengths(shape);
  const [from, to] = offsets ?? [];
  if (typeof dtype !== "string" || !sizes || from === undefined || to === undefined || to < from)
    throw malformed(file, `its tensor ${shown(name)} has no valid dtype, shape or place`);
  const bits = Object.hasOwn(BITS, dtype) ? BITS[dtype] : undefined;
  const needed = bits === undefined ? undefined : Math.ceil((elements(sizes) * bits) / 8);
  if (!Number.isSafeInteger(elements(sizes)) || (needed !== undefined && needed !== to - from)) {
    throw malformed(
      file,
      `its tensor ${shown(name)} of shape ${shown(sizes)} in ${shown(dtype)} claims ${to - from} bytes`,
    );
  }
  return { stored: { name, dtype, shape: sizes, bytes: to - from }, to };
}

function lengths(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const list: readonly unknown[] = value;
  return list.every((one): one is number => Number.isSafeInteger(one) && Number(one) >= 0)
    ? list
    : undefined;
}

const malformed = (file: string, what: string): InputError =>
  new InputError(
    "unreadable",
    `${file} is no valid safetensors file: ${what}; download it again.`,
    file,
  );

/** More shards than any published model has (the largest have a few hundred). */
const MAX_SHARDS = 4096;

/** The files that a `model.safetensors.index.json` names, in order. */
export function shardsOf(index: unknown, name: string): readonly string[] {
  const map: unknown =
    typeof index === "object" && index !== null && "weight_map" in index
      ? index.weight_map
      : undefined;
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw malformedIndex(name, "it has no weight_map");
  const files = new Set<string>();
  for (const file of Object.values(map)) {
    if (typeof file !== "string" || !/^(?!\.)[\w.-]+\.safetensors$/.test(file))
      throw malformedIndex(name, `it names ${shown(file)}, which is no file beside it`);
    files.add(file);
  }
  if (files.size > MAX_SHARDS) throw malformedIndex(name, `it names ${files.size} files`);
  return [...files].sort();
}

const malformedIndex = (name: string, what: string): InputError =>
  new InputError(
    "unreadable",
    `${name} is no valid index of a checkpoint: ${what}; download it again.`,
    name,
  );
