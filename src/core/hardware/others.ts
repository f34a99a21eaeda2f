import { type Device, devicesOf } from "./device.ts";

const INSTINCT = "size as sold: https://www.amd.com/en/products/accelerators/instinct.html";
const RADEON = "size as sold: https://www.amd.com/en/products/graphics/desktops/radeon.html";

export const AMD: readonly Device[] = [
  ...devicesOf("AMD", "data centre", [
    ["mi210", "Instinct MI210", 64, undefined, INSTINCT],
    [
      "mi250x-gcd mi250-gcd",
      "Instinct MI250/MI250X, one of its two dies",
      64,
      undefined,
      `${INSTINCT}; 128 GB on two dies that are two devices`,
    ],
    [
      "mi300a",
      "Instinct MI300A",
      128,
      undefined,
      `${INSTINCT}; HIP allocates 96 GiB unless amdttm is told otherwise`,
    ],
    [
      "mi300x",
      "Instinct MI300X",
      192,
      { gib: 201_310_208 / 2 ** 20 },
      "rocminfo's pool, https://github.com/ROCm/legacy-rocm-build/issues/4414",
    ],
    ["mi325x", "Instinct MI325X", 256, undefined, INSTINCT],
    ["mi350x", "Instinct MI350X", 288, undefined, INSTINCT],
    ["mi355x", "Instinct MI355X", 288, undefined, INSTINCT],
  ]),
  ...devicesOf("AMD", "consumer", [
    ["rx-6800-xt", "Radeon RX 6800 XT", 16, undefined, RADEON],
    ["rx-6900-xt", "Radeon RX 6900 XT", 16, undefined, RADEON],
    ["rx-7800-xt", "Radeon RX 7800 XT", 16, undefined, RADEON],
    ["rx-7900-xt", "Radeon RX 7900 XT", 20, undefined, RADEON],
    ["rx-7900-xtx 7900-xtx 7900xtx", "Radeon RX 7900 XTX", 24, undefined, RADEON],
    ["rx-9070", "Radeon RX 9070", 16, undefined, RADEON],
    ["rx-9070-xt", "Radeon RX 9070 XT", 16, undefined, RADEON],
  ]),
  ...devicesOf("AMD", "workstation", [
    ["radeon-pro-w7800", "Radeon Pro W7800 32 GB", 32, undefined, RADEON],
    ["radeon-pro-w7900", "Radeon Pro W7900", 48, undefined, RADEON],
    ["radeon-ai-pro-r9700", "Radeon AI Pro R9700", 32, undefined, RADEON],
  ]),
];

const ARC =
  "size as sold: https://www.intel.com/content/www/us/en/products/details/discrete-gpus/arc.html";

export const INTEL: readonly Device[] = [
  ...devicesOf("Intel", "consumer", [
    ["arc-a770", "Arc A770 16 GB", 16, undefined, ARC],
    ["arc-b570", "Arc B570", 10, undefined, ARC],
    ["arc-b580", "Arc B580", 12, undefined, ARC],
  ]),
  ...devicesOf("Intel", "workstation", [
    ["arc-pro-b50", "Arc Pro B50", 16, undefined, ARC],
    ["arc-pro-b60", "Arc Pro B60", 24, undefined, ARC],
  ]),
  ...devicesOf("Intel", "data centre", [
    [
      "max-1550",
      "Data Center GPU Max 1550",
      128,
      undefined,
      "size as sold: https://www.intel.com/ (Data Center GPU Max)",
    ],
    [
      "gaudi-2 gaudi2",
      "Gaudi 2",
      96,
      undefined,
      "size as sold: https://habana.ai/products/gaudi2/",
    ],
    ["gaudi-3 gaudi3", "Gaudi 3", 128, undefined, "size as sold: https://www.intel.com/ (Gaudi 3)"],
  ]),
];

/** What Metal lets a GPU hold (`recommendedMaxWorkingSetSize`): two thirds of 32 GiB and less, three quarters of more. */
const METAL = "recommendedMaxWorkingSetSize, llama.cpp's log:";

export const APPLE: readonly Device[] = devicesOf("Apple", "unified", [
  [
    "apple-16gb m1-16gb m2-16gb m3-16gb",
    "Apple silicon 16 GB",
    16,
    { gib: 10_922.67 / 1024 },
    `${METAL} https://github.com/abetlen/llama-cpp-python/issues/687`,
  ],
  [
    "apple-32gb m1-max-32gb m2-max-32gb",
    "Apple silicon 32 GB",
    32,
    { gib: 21_845.34 / 1024 },
    `${METAL} https://github.com/ollama/ollama/issues/434`,
  ],
  [
    "apple-64gb m1-max-64gb m2-max-64gb m3-max-64gb m4-max-64gb",
    "Apple silicon 64 GB",
    64,
    { gib: 48 },
    `${METAL} https://github.com/ggml-org/llama.cpp/issues/1870`,
  ],
  [
    "apple-96gb m2-max-96gb m3-max-96gb",
    "Apple silicon 96 GB",
    96,
    { gib: 72 },
    `${METAL} https://github.com/ggml-org/llama.cpp/issues/3213`,
  ],
  [
    "apple-128gb m4-max-128gb m5-max-128gb",
    "Apple silicon 128 GB",
    128,
    { gib: 107.52 },
    "recommendedMaxWorkingSetSize under macOS 26, https://github.com/antirez/ds4/pull/893",
  ],
]);

const RAM =
  "size as sold: the operating system and other programs take their part; --margin leaves it";

/** Main memory, for runtimes that compute on the CPU. */
export const CPU: readonly Device[] = devicesOf(
  "any",
  "main memory",
  [8, 16, 32, 64, 128, 256, 512, 1024].map(
    (size) => [`cpu-${size}gb`, `main memory ${size} GB`, size, undefined, RAM] as const,
  ),
);

const CLOUD = "size as sold: https://cloud.google.com/tpu/docs/system-architecture-tpu-vm";

export const GOOGLE: readonly Device[] = devicesOf("Google", "tpu", [
  ["tpu-v4", "TPU v4 chip", 32, undefined, CLOUD],
  ["tpu-v5e", "TPU v5e chip", 16, undefined, CLOUD],
  ["tpu-v5p", "TPU v5p chip", 95, undefined, CLOUD],
  ["tpu-v6e trillium", "TPU v6e (Trillium) chip", 32, undefined, CLOUD],
  ["tpu-7x ironwood", "TPU7x (Ironwood) chip", 192, undefined, CLOUD],
]);
