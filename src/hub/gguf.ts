import { gguf } from "@huggingface/gguf";
import type { StoredTensor } from "../core/derive/checkpoint.ts";
import { InputError, shown } from "../core/errors.ts";
import { elements } from "../core/tree/tensor.ts";
import { type ByteSource, truncated } from "./bytes.ts";
import { ggmlType } from "./ggml.ts";

export interface GgufHeader {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: readonly StoredTensor[];
}

/** The library reads from an address; this one is never asked for, since the fetch below answers for it. */
const ADDRESS = "https://file.invalid/model.gguf";

/** The header of a GGUF file, wherever it lies: the library asks for ranges, and gets them from `source`. */
export async function readGguf(source: ByteSource): Promise<GgufHeader> {
  const fromSource: typeof fetch = async (_input, init) => {
    const range = new Headers(init?.headers).get("range") ?? "";
    const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    const start = Number(from);
    const end = Math.min(Number(to) + 1, source.size);
    if (start >= end) throw truncated(source.name);
    return new Response(new Uint8Array(await source.read(start, end)), {
      status: 206,
      headers: { "content-range": `bytes ${start}-${end - 1}/${source.size}` },
    });
  };
  try {
    const { metadata, tensorInfos, tensorInfoByteRange } = await gguf(ADDRESS, {
      fetch: fromSource,
    });
    const [, end] = tensorInfoByteRange;
    if (end > source.size) throw truncated(source.name); // the library reads zeros behind the end
    return {
      metadata: { ...metadata },
      tensors: tensorInfos.map(({ name, shape, dtype }) =>
        stored(name, shape.map(Number).reverse(), dtype, source.name),
      ),
    };
  } catch (error) {
    if (error instanceof InputError) throw error;
    const reason = error instanceof Error ? error.message : "unreadable";
    throw new InputError(
      "unreadable",
      `${source.name} is no valid GGUF file (${reason}): download it again.`,
      source.name,
    );
  }
}

/** ggml writes the fastest dimension first; shapes here are as everywhere else, slowest first. */
function stored(name: string, shape: readonly number[], type: number, file: string): StoredTensor {
  const block = ggmlType(type);
  const count = elements(shape);
  if (!block || !Number.isSafeInteger(count) || count % block.elements !== 0) {
    throw new InputError(
      "unreadable",
      `${file} has a tensor ${shown(name)} of shape ${shown(shape)} in ggml type ${type}, whose size is not known: use a file in one of llama.cpp's usual types.`,
      file,
    );
  }
  return { name, dtype: block.name, shape, bytes: (count / block.elements) * block.bytes };
}
