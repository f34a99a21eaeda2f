import { promises } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { InputError } from "../core/errors.ts";

/** A file of which only parts are read: on disk, or on a hub by range requests. */
export interface ByteSource {
  /** The path or repository file, for messages. */
  readonly name: string;
  readonly size: number;
  /** Bytes from `start` up to `end`. @throws InputError where the file ends before. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** @throws InputError where the file cannot be read. */
export async function withFile<T>(
  path: string,
  use: (bytes: ByteSource) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await promises.open(path, "r");
    return await use(await sourceOf(file, path));
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(path, error);
  } finally {
    await file?.close();
  }
}

async function sourceOf(file: FileHandle, path: string): Promise<ByteSource> {
  const stat = await file.stat();
  if (stat.isDirectory()) throw unreadable(path, Object.assign(new Error(), { code: "EISDIR" }));
  if (!stat.isFile())
    throw new InputError("unreadable", `${path} is no regular file: give one that is.`, path);
  return {
    name: path,
    size: stat.size,
    async read(start, end) {
      const buffer = new Uint8Array(end - start);
      let done = 0;
      while (done < buffer.length) {
        const { bytesRead } = await file.read(buffer, done, buffer.length - done, start + done);
        if (bytesRead === 0) throw truncated(path);
        done += bytesRead;
      }
      return buffer;
    },
  };
}

export function unreadable(path: string, error: unknown): InputError {
  const reason =
    error instanceof Error && "code" in error ? String(error.code) : "for an unknown reason";
  return new InputError(
    "unreadable",
    `${path} cannot be read (${reason}): check that it is a file you may read.`,
    path,
  );
}

export const truncated = (path: string): InputError =>
  new InputError(
    "unreadable",
    `${path} ends in the middle of its header: it was cut off, so download it again.`,
    path,
  );

/** The parts of a hub file that libraries hand out as a Blob. */
export const blobSource = (blob: Blob, name: string): ByteSource => ({
  name,
  size: blob.size,
  async read(start, end) {
    const bytes = new Uint8Array(await blob.slice(start, end).arrayBuffer());
    if (bytes.length !== end - start) throw truncated(name);
    return bytes;
  },
});
