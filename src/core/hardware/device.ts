import { type Bytes, bytes, GiB, MiB } from "../units.ts";

export const VENDORS = ["NVIDIA", "AMD", "Intel", "Apple", "Google", "any"] as const;
type Vendor = (typeof VENDORS)[number];
export const DEVICE_KINDS = [
  "data centre",
  "workstation",
  "consumer",
  "unified",
  "tpu",
  "main memory",
] as const;
type DeviceKind = (typeof DEVICE_KINDS)[number];

/**
 * How the usable memory is known: as a runtime logged it (what CUDA, HIP or Metal can allocate), as the driver lists it
 * (nvidia-smi: a little more than CUDA can allocate), or only as it is sold.
 */
export type UsableBasis = "logged" | "driver" | "sold";

/** One accelerator. Makers say GB and build GiB: `memoryBytes` is the number on the box times 2³⁰. */
export interface Device {
  /** What `--gpu` takes. */
  readonly id: string;
  /** Other spellings that `--gpu` takes. */
  readonly aliases: readonly string[];
  readonly name: string;
  readonly vendor: Vendor;
  readonly kind: DeviceKind;
  readonly memoryBytes: Bytes;
  readonly usableBytes: Bytes;
  readonly usableBasis: UsableBasis;
  readonly source: string;
}

/** Usable memory of a row: as logged in GiB, as the driver lists it in MiB, or nothing: as sold. */
type Usable = { readonly gib: number } | { readonly mib: number } | undefined;

/** `id` (with its other spellings after it), name, memory as sold in GiB, usable memory, source. */
export type Row = readonly [
  ids: string,
  name: string,
  sold: number,
  usable: Usable,
  source: string,
];

export function devicesOf(vendor: Vendor, kind: DeviceKind, rows: readonly Row[]): Device[] {
  return rows.map(([ids, name, sold, usable, source]) => {
    const [id = "", ...aliases] = ids.split(" ");
    const memoryBytes = bytes(sold * GiB);
    const known =
      usable === undefined
        ? memoryBytes
        : bytes(Math.floor("gib" in usable ? usable.gib * GiB : usable.mib * MiB));
    return {
      id,
      aliases,
      name,
      vendor,
      kind,
      memoryBytes,
      usableBytes: known,
      usableBasis: usable === undefined ? "sold" : "gib" in usable ? "logged" : "driver",
      source,
    };
  });
}
