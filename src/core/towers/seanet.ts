import { MAX_DIMENSION } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { conv1d } from "../layers/conv.ts";
import { lstm } from "../layers/lstm.ts";
import { layerNorm } from "../layers/norm.ts";
import { convTranspose1d, weightNormed } from "../layers/weight-norm-conv.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { ConvFrontEnd } from "../tree/op.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";

export interface SeanetSizes {
  /** Prefix of the class names: "Encodec", "Mimi". */
  readonly classes: string;
  readonly channels: number;
  readonly filters: number;
  /** Width between encoder and decoder. */
  readonly hidden: number;
  /** Strides in the decoder's order; the encoder's is the reverse. */
  readonly ratios: readonly number[];
  readonly residualLayers: number;
  readonly kernel: number;
  readonly lastKernel: number;
  readonly residualKernel: number;
  /** How many times narrower residual branches are. */
  readonly compress: number;
  /** 0: none. */
  readonly lstmLayers: number;
  /** A convolution on the residual path instead of nothing. */
  readonly convShortcut: boolean;
  readonly norm: "weight_norm" | "time_group_norm" | "none";
}

interface ConvOptions {
  readonly bias?: boolean;
  readonly groups?: number;
}

/** Stride, kernel and padding of a convolution, which the reference keeps as integers on the device. */
const LENGTHS: readonly DeviceBuffer[] = ["stride", "kernel_size", "padding_total"].map((name) => ({
  name,
  shape: [],
  dtype: "int64",
  persistent: false,
}));

/** A convolution with its norm, as SEANet's reference wraps it. */
export function seanetConv(
  sizes: Pick<SeanetSizes, "classes" | "norm">,
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  options: ConvOptions = {},
): Module {
  const conv = conv1d("conv", inputs, outputs, kernel, options);
  return module(`${sizes.classes}Conv1d`, name, normed(sizes.norm, conv, outputs), {
    buffers: LENGTHS,
  });
}

/** Its transposed counterpart. */
export function seanetConvTranspose(
  sizes: Pick<SeanetSizes, "classes" | "norm">,
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  options: ConvOptions = {},
): Module {
  const conv = convTranspose1d("conv", inputs, outputs, kernel, options);
  return module(`${sizes.classes}ConvTranspose1d`, name, normed(sizes.norm, conv, outputs));
}

function normed(norm: SeanetSizes["norm"], conv: Module, outputs: number): Module[] {
  if (norm === "weight_norm") return [weightNormed(conv)];
  if (norm === "time_group_norm") return [conv, layerNorm("norm", outputs, { class: "GroupNorm" })];
  return [conv];
}

/** Numbers modules as `nn.ModuleList` does; activations take a number and have no tensors. */
function listed(): { add(layer: Module, copies?: number): void; skip(): void; all: Module[] } {
  const all: Module[] = [];
  let next = 0;
  return {
    all,
    skip: () => {
      next += 1;
    },
    add: (layer, copies = 1) => {
      const placed = copies > 0 ? stack([[next, next + copies - 1]], layer) : undefined;
      if (placed) all.push(placed);
      next += copies;
    },
  };
}

function residual(sizes: SeanetSizes, width: number): Module {
  const hidden = Math.floor(width / sizes.compress);
  return module(`${sizes.classes}ResnetBlock`, "layers", [
    seanetConv(sizes, "block.1", width, hidden, sizes.residualKernel),
    seanetConv(sizes, "block.3", hidden, width, 1),
    sizes.convShortcut ? seanetConv(sizes, "shortcut", width, width, 1) : undefined,
  ]);
}

function recurrent(sizes: SeanetSizes, width: number): Module {
  return module(`${sizes.classes}LSTM`, "layers", [lstm("lstm", width, sizes.lstmLayers)]);
}

/**
 * SEANet's encoder (Tagliasacchi et al. 2020; Défossez et al. 2022): a convolution over the samples, then for every ratio
 * residual blocks and a strided convolution that doubles the width, then an LSTM and the convolution to the hidden width.
 */
export function seanetEncoder(sizes: SeanetSizes): Module {
  const { classes, filters } = sizes;
  const layers = listed();
  layers.add(seanetConv(sizes, "layers", sizes.channels, filters, sizes.kernel));
  let width = filters;
  for (const ratio of [...sizes.ratios].reverse()) {
    layers.add(residual(sizes, width), sizes.residualLayers);
    layers.skip();
    layers.add(seanetConv(sizes, "layers", width, 2 * width, 2 * ratio));
    width *= 2;
  }
  if (sizes.lstmLayers > 0) layers.add(recurrent(sizes, width));
  layers.skip();
  layers.add(seanetConv(sizes, "layers", width, sizes.hidden, sizes.lastKernel));
  return module(`${classes}Encoder`, "encoder", layers.all);
}

/**
 * The encoder as what comes before the first position. Its first stage, at the length of the samples, holds the most:
 * later ones are twice as wide but `ratio` times shorter.
 */
export const seanetEntry = (
  sizes: Pick<SeanetSizes, "channels" | "filters" | "ratios">,
): ConvFrontEnd => ({
  kind: "conv-front-end",
  bins: sizes.channels,
  width: sizes.filters,
  strides: [1, ...[...sizes.ratios].reverse()],
});

/** SEANet's decoder: the encoder backwards, with transposed convolutions. */
export function seanetDecoder(sizes: SeanetSizes): Module {
  const { classes, filters } = sizes;
  const layers = listed();
  let width = filters * 2 ** sizes.ratios.length;
  layers.add(seanetConv(sizes, "layers", sizes.hidden, width, sizes.kernel));
  if (sizes.lstmLayers > 0) layers.add(recurrent(sizes, width));
  for (const ratio of sizes.ratios) {
    const half = Math.floor(width / 2);
    layers.skip();
    layers.add(seanetConvTranspose(sizes, "layers", width, half, 2 * ratio));
    layers.add(residual(sizes, half), sizes.residualLayers);
    width = half;
  }
  layers.skip();
  layers.add(seanetConv(sizes, "layers", filters, sizes.channels, sizes.lastKernel));
  return module(`${classes}Decoder`, "decoder", layers.all);
}

/** Every stage doubles the width, so a long list of ratios is a mistake. @throws InputError */
export function boundedStages(filters: number, stages: number, field: string): void {
  if (filters * 2 ** stages > MAX_DIMENSION) {
    throw new InputError(
      "out-of-range",
      `${field} has ${stages} entries, each of which doubles the width of ${filters}, beyond what any codec has: correct it in the config.`,
      field,
    );
  }
}
