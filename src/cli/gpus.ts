import { devices } from "../core/hardware/index.ts";
import { renderDevices } from "../core/render/devices.ts";
import { print } from "./terminal.ts";

export function gpusCommand(options: { json?: true }): void {
  print(options.json ? JSON.stringify(devices, undefined, 2) : renderDevices(devices));
}
