import type { Device } from "../hardware/device.ts";
import { GiB, humanBytes } from "../units.ts";
import { table } from "./table.ts";

/** The table of devices for people. */
export function renderDevices(devices: readonly Device[]): string {
  const rows = devices.map((device) => [
    device.id,
    device.name,
    device.vendor,
    device.kind,
    `${device.memoryBytes / GiB} GB`,
    device.usableBasis === "sold" ? "as sold" : humanBytes(device.usableBytes),
    device.usableBasis,
  ]);
  return [
    ...table([["--gpu", "name", "vendor", "kind", "sold", "usable", "known"], ...rows], [4, 5]),
    "",
    `${devices.length} devices. usable: what a program can allocate, as a runtime logged it or the driver lists it;`,
    "as sold: no figure is known, and a little less is usable. --json has each one's source; --gpu-memory takes any size.",
  ].join("\n");
}
