import { devices, findDevice, InputError, MiB, parseGpus } from "llm-memory-calculator";
import { describe, expect, it } from "vitest";

/** What every row of the table owes. */
describe.each(devices.map((device) => [device.id, device] as const))("%s", (id, device) => {
  it("holds no more than is sold, in whole bytes, and says where that is from", () => {
    expect(Number.isSafeInteger(device.usableBytes)).toBe(true);
    expect(device.usableBytes).toBeLessThanOrEqual(device.memoryBytes);
    expect(device.usableBytes).toBeGreaterThan(0.6 * device.memoryBytes);
    expect(device.memoryBytes % (1024 * MiB)).toBe(0);
    expect(device.source).toMatch(/\S.{15,}/);
    if (device.usableBasis !== "sold") expect(device.source).toContain("https://");
    if (device.usableBasis === "sold") expect(device.usableBytes).toBe(device.memoryBytes);
  });

  it("is found by its id and every other spelling", () => {
    expect(id).toMatch(/^[a-z0-9-]+$/);
    for (const name of [id, ...device.aliases, id.toUpperCase(), ` ${id} `])
      expect(findDevice(name)).toBe(device);
    expect(parseGpus(`8x${id}`)).toMatchObject({ id, count: 8, usableBytes: device.usableBytes });
  });
});

it("no name stands for two devices", () => {
  const names = devices.flatMap(({ id, aliases }) => [id, ...aliases]);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(devices.map(({ name }) => name)).size).toBe(devices.length);
});

it("reads what people write", () => {
  expect(parseGpus("2x4090")).toMatchObject({ id: "rtx-4090", count: 2 });
  expect(parseGpus("8 x NVIDIA H100").id).toBe("h100-80gb");
  expect(parseGpus("GeForce RTX 3090").id).toBe("rtx-3090");
});

it.each([
  ["4091", /is no known device \(nearest: /],
  ["", /is no known device/],
  ["0x4090", /the number of devices must be from 1/],
  ["99999999x4090", /the number of devices must be from 1/],
])("refuses %j", (text, message) => {
  expect(() => parseGpus(text)).toThrow(InputError);
  expect(() => parseGpus(text)).toThrow(message);
});
