import { type GGUFTypedMetadata, GGUFValueType, serializeGgufMetadata } from "@huggingface/gguf";
import type { Module } from "llm-memory-calculator";
import { tensorTable } from "llm-memory-calculator";
import type { HubFile } from "./fake-hub.ts";

export type Tensors = Readonly<Record<string, readonly [dtype: string, shape: readonly number[]]>>;

const BITS: Readonly<Record<string, number>> = {
  F32: 32,
  F16: 16,
  BF16: 16,
  F8_E4M3: 8,
  I32: 32,
  U8: 8,
};

/** A safetensors file without its weights: the header is real, `size` is what the file would have. */
export function safetensors(tensors: Tensors): Required<HubFile> {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, [dtype, shape]]) => {
    const start = end;
    end += (shape.reduce((n, size) => n * size, 1) * (BITS[dtype] ?? 8)) / 8;
    return [name, { dtype, shape, data_offsets: [start, end] }];
  });
  const text = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(entries) });
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const bytes = Buffer.concat([length, header]);
  return { bytes, size: bytes.length + end };
}

/** Every tensor of a tree as a checkpoint would hold it. */
export function tensorsOf(
  root: Module,
  dtype: string,
  rename: (name: string) => string = (name) => name,
): Tensors {
  const all: Record<string, readonly [string, readonly number[]]> = {};
  for (const [pattern, shape] of tensorTable(root).tensors)
    for (const name of expand(pattern)) all[rename(name)] = [dtype, shape];
  return all;
}

function expand(pattern: string): string[] {
  const [whole, ranges] = /\{([^}]+)\}/.exec(pattern) ?? [];
  if (whole === undefined || ranges === undefined) return [pattern];
  return ranges.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    return numbers.flatMap((number) => expand(pattern.replace(whole, String(number))));
  });
}

/** A GGUF file without its weights: metadata by the library's own writer, tensor infos (dimensions fastest first) behind it. */
export function gguf(
  metadata: Readonly<Record<string, string | number>>,
  tensors: Readonly<Record<string, readonly [type: number, shape: readonly number[]]>>,
): Buffer {
  const typed: Record<string, { value: string | number | bigint; type: GGUFValueType }> = {
    version: { value: 3, type: GGUFValueType.UINT32 },
    tensor_count: { value: BigInt(Object.keys(tensors).length), type: GGUFValueType.UINT64 },
    kv_count: { value: BigInt(Object.keys(metadata).length), type: GGUFValueType.UINT64 },
  };
  for (const [key, value] of Object.entries(metadata)) {
    const type = typeof value === "string" ? GGUFValueType.STRING : GGUFValueType.UINT32;
    typed[key] = { value, type };
  }
  const head = serializeGgufMetadata(typed as unknown as GGUFTypedMetadata, { alignment: 1 });
  const infos = Object.entries(tensors).map(([name, [type, shape]]) => {
    const info = Buffer.alloc(8 + name.length + 4 + 8 * shape.length + 4 + 8);
    info.writeBigUInt64LE(BigInt(name.length));
    info.write(name, 8);
    info.writeUInt32LE(shape.length, 8 + name.length);
    shape.toReversed().forEach((size, at) => {
      info.writeBigUInt64LE(BigInt(size), 12 + name.length + 8 * at);
    });
    info.writeUInt32LE(type, 12 + name.length + 8 * shape.length);
    return info;
  });
  return Buffer.concat([head, ...infos, Buffer.alloc(64)]);
}
