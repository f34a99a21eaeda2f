import type { ByteSource } from "./bytes.ts";

/** Where the files of one model lie: a folder, or a repository on a hub. */
export interface Place {
  readonly kind: "folder" | "repository";
  /** For the report and for messages: a path, or `owner/name@commit`. */
  name(): string;
  /** The parsed JSON of a file, or undefined where the place has no such file. */
  json(file: string): Promise<unknown>;
  /** Lets `use` read parts of a file; undefined where the place has no such file. */
  open<T>(file: string, use: (bytes: ByteSource) => Promise<T>): Promise<T | undefined>;
  /** Names of the files at its top. */
  list(): Promise<readonly string[]>;
  /** `make`'s result, kept with the place's revision where that can be done. It has to survive JSON. */
  remember(what: string, make: () => Promise<unknown>): Promise<unknown>;
}
