import { InputError, shown } from "../core/errors.ts";

/** Files that people give in place of a config.json, by their first bytes (read as text). */
const BEGINNINGS: readonly (readonly [string, string])[] = [
  ["GGUF", "a GGUF file: give it a name that ends in .gguf, by which its header is read"],
  [
    "PK\u0003\u0004",
    "a zip archive, as PyTorch saves weights: give the config.json that lies beside it",
  ],
  [
    "\ufffdHDF",
    "an HDF5 file, as TensorFlow saves weights: give the config.json that lies beside it",
  ],
];

/** @throws InputError that says what a file is, where it is no JSON but something else that lies beside models. */
export function refuseBinary(text: string, path: string): void {
  const found = path.endsWith(".onnx")
    ? "an ONNX file, which holds a graph and no config: give the config.json of the model that it was made from"
    : BEGINNINGS.find(([beginning]) => text.startsWith(beginning))?.[1];
  if (found !== undefined)
    throw new InputError("not-a-config", `${shown(path)} is ${found}.`, path);
}
