import { type Device, devicesOf } from "./device.ts";

const SMI = "nvidia-smi totals, https://github.com/modal-labs/modal-client/pull/2797";
const VLLM_80 = "vLLM's log, https://github.com/vllm-project/vllm/pull/10511";
const sheet = (page: string): string => `size as sold: https://www.nvidia.com/${page}`;

export const NVIDIA_DATA_CENTRE: readonly Device[] = devicesOf("NVIDIA", "data centre", [
  ["t4 t4-16gb", "T4", 16, { mib: 15_360 }, SMI],
  [
    "v100-16gb",
    "V100 16 GB",
    16,
    { mib: 16_160 },
    "nvidia-smi, https://github.com/4paradigm/k8s-vgpu-scheduler/issues/7",
  ],
  [
    "v100-32gb v100",
    "V100 32 GB",
    32,
    { gib: 31.74 },
    "PyTorch, https://github.com/liucongg/ChatGLM-Finetuning/issues/73",
  ],
  ["a10 a10-24gb a10g", "A10", 24, { mib: 23_028 }, SMI],
  [
    "a30 a30-24gb",
    "A30",
    24,
    { gib: 23.53 },
    "PyTorch, https://github.com/google/RB-Modulation/issues/5",
  ],
  ["a40 a40-48gb", "A40", 48, undefined, sheet("en-us/data-center/a40/")],
  ["a100-40gb", "A100 40 GB", 40, { mib: 40_960 }, SMI],
  ["a100-80gb a100", "A100 80 GB", 80, { gib: 79.22 }, VLLM_80],
  [
    "l4 l4-24gb",
    "L4",
    24,
    { mib: 23_034 },
    `${SMI}; vLLM-Omni, https://github.com/vllm-project/vllm-omni/pull/6839`,
  ],
  [
    "l20 l20-48gb",
    "L20",
    48,
    undefined,
    "size as sold, 48 GB: https://github.com/vllm-project/vllm/issues/7721",
  ],
  [
    "l40 l40-48gb",
    "L40",
    48,
    { gib: 44.4 },
    "PyTorch, https://github.com/QwenLM/Qwen3-VL/issues/2097",
  ],
  ["l40s l40s-48gb", "L40S", 48, { mib: 46_068 }, SMI],
  ["h100-80gb h100", "H100 80 GB", 80, { gib: 79.22 }, VLLM_80],
  ["h100-nvl h100-94gb", "H100 NVL 94 GB", 94, undefined, sheet("en-us/data-center/h100/")],
  ["h20 h20-96gb", "H20 96 GB", 96, undefined, "size as sold, 96 GB HBM3"],
  ["gh200-96gb", "GH200 96 GB", 96, undefined, sheet("en-us/data-center/grace-hopper-superchip/")],
  [
    "gh200-144gb",
    "GH200 144 GB",
    144,
    undefined,
    sheet("en-us/data-center/grace-hopper-superchip/"),
  ],
  [
    "h200 h200-141gb",
    "H200",
    141,
    { gib: 139.72 },
    "vLLM's log, https://github.com/vllm-project/vllm/issues/10702",
  ],
  [
    "b200 b200-180gb",
    "B200",
    180,
    { gib: 178.35 },
    "CUDA's total, https://github.com/pytorch/ao/pull/4002",
  ],
  [
    "b300 b300-288gb",
    "B300",
    288,
    undefined,
    `${sheet("en-us/data-center/dgx-b300/")}; drivers show less`,
  ],
]);

export const NVIDIA_UNIFIED: readonly Device[] = devicesOf("NVIDIA", "unified", [
  [
    "gb10 dgx-spark",
    "GB10 (DGX Spark)",
    128,
    { gib: 121.69 },
    "CUDA's total, shared with the system: https://github.com/MiaAI-Lab/GLM-5.3-Flash-EXL3-2x-DGX-Sparks/issues/47",
  ],
]);

const RTX = (page: string): string => sheet(`en-us/geforce/graphics-cards/${page}/`);

export const NVIDIA_CONSUMER: readonly Device[] = devicesOf("NVIDIA", "consumer", [
  ["rtx-3050 3050", "GeForce RTX 3050 8 GB", 8, undefined, RTX("30-series")],
  [
    "rtx-3060-12gb rtx-3060 3060",
    "GeForce RTX 3060 12 GB",
    12,
    { gib: 11.76 },
    "PyTorch, https://github.com/TencentARC/PhotoMaker/issues/47",
  ],
  ["rtx-3060-ti 3060-ti 3060ti", "GeForce RTX 3060 Ti", 8, undefined, RTX("30-series")],
  ["rtx-3070 3070", "GeForce RTX 3070", 8, undefined, RTX("30-series")],
  ["rtx-3070-ti 3070-ti 3070ti", "GeForce RTX 3070 Ti", 8, undefined, RTX("30-series")],
  [
    "rtx-3080-10gb rtx-3080 3080",
    "GeForce RTX 3080 10 GB",
    10,
    { gib: 9.78 },
    "PyTorch, https://github.com/zai-org/CogVideo/issues/34",
  ],
  ["rtx-3080-12gb", "GeForce RTX 3080 12 GB", 12, undefined, RTX("30-series")],
  ["rtx-3080-ti 3080-ti 3080ti", "GeForce RTX 3080 Ti", 12, undefined, RTX("30-series")],
  [
    "rtx-3090 3090",
    "GeForce RTX 3090",
    24,
    { gib: 23.58 },
    "vLLM's log, https://github.com/vllm-project/vllm/issues/10517",
  ],
  ["rtx-3090-ti 3090-ti 3090ti", "GeForce RTX 3090 Ti", 24, undefined, RTX("30-series")],
  [
    "rtx-4060 4060",
    "GeForce RTX 4060",
    8,
    { gib: 8 },
    "vLLM's log (WSL), https://github.com/vllm-project/vllm/issues/13882",
  ],
  ["rtx-4060-ti-8gb", "GeForce RTX 4060 Ti 8 GB", 8, undefined, RTX("40-series")],
  ["rtx-4060-ti-16gb", "GeForce RTX 4060 Ti 16 GB", 16, undefined, RTX("40-series")],
  ["rtx-4070 4070", "GeForce RTX 4070", 12, undefined, RTX("40-series")],
  ["rtx-4070-super", "GeForce RTX 4070 Super", 12, undefined, RTX("40-series")],
  ["rtx-4070-ti 4070-ti", "GeForce RTX 4070 Ti", 12, undefined, RTX("40-series")],
  ["rtx-4070-ti-super", "GeForce RTX 4070 Ti Super", 16, undefined, RTX("40-series")],
  [
    "rtx-4080 4080",
    "GeForce RTX 4080",
    16,
    { gib: 15.99 },
    "PyTorch, https://github.com/aigc-apps/sd-webui-EasyPhoto/issues/281",
  ],
  ["rtx-4080-super", "GeForce RTX 4080 Super", 16, undefined, RTX("40-series")],
  [
    "rtx-4090 4090",
    "GeForce RTX 4090",
    24,
    { gib: 23.68 },
    "PyTorch, https://github.com/zai-org/CogVideo/issues/36",
  ],
  ["rtx-5060 5060", "GeForce RTX 5060", 8, undefined, RTX("50-series")],
  ["rtx-5060-ti-8gb", "GeForce RTX 5060 Ti 8 GB", 8, undefined, RTX("50-series")],
  [
    "rtx-5060-ti-16gb",
    "GeForce RTX 5060 Ti 16 GB",
    16,
    { gib: 15_816 / 1024 },
    "CUDA's total, https://github.com/Luce-Org/lucebox/issues/407",
  ],
  ["rtx-5070 5070", "GeForce RTX 5070", 12, undefined, RTX("50-series")],
  ["rtx-5070-ti 5070-ti", "GeForce RTX 5070 Ti", 16, undefined, RTX("50-series")],
  ["rtx-5080 5080", "GeForce RTX 5080", 16, undefined, RTX("50-series")],
  [
    "rtx-5090 5090",
    "GeForce RTX 5090",
    32,
    { gib: 31.4 },
    "PyTorch, https://github.com/zzc0721/torch-performance-test-data/pull/15",
  ],
]);

const PRO = "size as sold: https://www.nvidia.com/en-us/products/workstations/";

export const NVIDIA_WORKSTATION: readonly Device[] = devicesOf("NVIDIA", "workstation", [
  [
    "rtx-a2000-12gb rtx-a2000",
    "RTX A2000 12 GB",
    12,
    { gib: 11.53 },
    "PyTorch, https://github.com/vllm-project/vllm/issues/12030",
  ],
  [
    "rtx-a4000 a4000",
    "RTX A4000",
    16,
    { gib: 15.61 },
    "PyTorch, https://github.com/DengKaiCQ/VGGT-Long/issues/6",
  ],
  ["rtx-a4500 a4500", "RTX A4500", 20, undefined, PRO],
  ["rtx-a5000 a5000", "RTX A5000", 24, undefined, PRO],
  ["rtx-a6000 a6000", "RTX A6000", 48, undefined, PRO],
  ["rtx-2000-ada", "RTX 2000 Ada", 16, undefined, PRO],
  ["rtx-4000-ada", "RTX 4000 Ada", 20, undefined, PRO],
  ["rtx-4500-ada", "RTX 4500 Ada", 24, undefined, PRO],
  ["rtx-5000-ada", "RTX 5000 Ada", 32, undefined, PRO],
  ["rtx-6000-ada 6000-ada", "RTX 6000 Ada", 48, undefined, PRO],
  ["rtx-pro-4000", "RTX Pro 4000 Blackwell", 24, undefined, PRO],
  ["rtx-pro-4500", "RTX Pro 4500 Blackwell", 32, undefined, PRO],
  ["rtx-pro-5000", "RTX Pro 5000 Blackwell", 48, undefined, PRO],
  [
    "rtx-pro-6000",
    "RTX Pro 6000 Blackwell",
    96,
    { gib: 94.97 },
    "CUDA's total, https://github.com/antirez/ds4/issues/431",
  ],
]);
