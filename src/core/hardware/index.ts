import { InputError, nearest, shown } from "../errors.ts";
import { type Bytes, bytes, GiB } from "../units.ts";
import type { Device } from "./device.ts";
import {
  NVIDIA_CONSUMER,
  NVIDIA_DATA_CENTRE,
  NVIDIA_UNIFIED,
  NVIDIA_WORKSTATION,
} from "./nvidia.ts";
import { AMD, APPLE, CPU, GOOGLE, INTEL } from "./others.ts";

/** Accelerators that people use, by vendor and kind. */
export const devices: readonly Device[] = [
  ...NVIDIA_DATA_CENTRE,
  ...NVIDIA_UNIFIED,
  ...NVIDIA_WORKSTATION,
  ...NVIDIA_CONSUMER,
  ...AMD,
  ...INTEL,
  ...APPLE,
  ...GOOGLE,
  ...CPU,
];

/** One or several equal devices: what is left of them for a program, each. */
export interface Gpus {
  readonly name: string;
  /** The device's id; null where only a size was given. */
  readonly id: string | null;
  readonly count: number;
  readonly usableBytes: Bytes;
}

const MAX_DEVICES = 2 ** 16;

/**
 * Reads "h100-80gb", "2x4090" or "8 x H200".
 * @throws InputError for a device that is not in the table or a number of them that makes no sense.
 */
export function parseGpus(text: string): Gpus {
  const hit = /^\s*(?:(\d+)\s*x\s*)?(.*?)\s*$/i.exec(text);
  const device = findDevice(hit?.[2] ?? "");
  const count = hit?.[1] === undefined ? 1 : Number(hit[1]);
  if (!(count >= 1 && count <= MAX_DEVICES)) {
    throw new InputError(
      "out-of-range",
      `--gpu is ${shown(text)}, but the number of devices must be from 1 to ${MAX_DEVICES}.`,
      "gpu",
    );
  }
  return gpusOf(device, count);
}

export const gpusOf = (device: Device, count: number): Gpus => ({
  name: device.name,
  id: device.id,
  count,
  usableBytes: device.usableBytes,
});

/** `count` devices of which nothing but the usable memory is known. */
export const gpusOfSize = (size: number, count: number): Gpus => ({
  name: `${Number((size / GiB).toFixed(2))} GiB device`,
  id: null,
  count,
  usableBytes: bytes(size),
});

/** "2xrtx-4090": as `--gpu` takes it. */
export const gpuName = ({ count, id, name }: Gpus): string =>
  `${count > 1 ? `${count}x` : ""}${id ?? name}`;

let byName: ReadonlyMap<string, Device> | undefined;

/** @throws InputError `unknown-option`, naming the nearest ones. */
export function findDevice(text: string): Device {
  byName ??= new Map(
    devices.flatMap((device) => [device.id, ...device.aliases].map((name) => [name, device])),
  );
  const plain = text
    .toLowerCase()
    .trim()
    .replace(/[\s_]+/g, "-");
  const key = plain.replace(/^(?:(?:nvidia|geforce|tesla|amd|instinct|radeon|intel|google)-)+/, "");
  const found = byName.get(plain) ?? byName.get(key);
  if (found) return found;
  const within = [...byName.keys()].filter((name) => key !== "" && name.includes(key));
  const near = within.length > 0 ? within.slice(0, 3) : nearest(key, byName.keys());
  throw new InputError(
    "unknown-option",
    `--gpu is ${shown(text)}, which is no known device (nearest: ${near.join(", ")}): see \`gpus\`, or state its memory with --gpu-memory.`,
    "gpu",
  );
}
