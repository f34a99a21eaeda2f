import type { Step } from "../audio/geometry.ts";
import { InputError, shown } from "../errors.ts";
import { conv1d } from "../layers/conv.ts";
import { layerNorm } from "../layers/norm.ts";
import { ranges } from "../tree/indices.ts";
import { type Module, module } from "../tree/module.ts";
import type { ConvFrontEnd, FeatureMap } from "../tree/op.ts";

/** Strided convolutions over raw samples: one entry of each list per layer. */
export interface SampleConvolutions {
  readonly dims: readonly number[];
  readonly kernels: readonly number[];
  readonly strides: readonly number[];
  readonly bias: boolean;
  /** A group norm after the first convolution, or a layer norm after every one. */
  readonly norm: "group" | "layer";
}

/** The fields `conv_dim`, `conv_kernel`, `conv_stride`, `conv_bias`, `feat_extract_norm`; the reference refuses lists of different lengths. */
export function sampleConvolutions(
  fields: {
    readonly conv_dim: readonly number[];
    readonly conv_kernel: readonly number[];
    readonly conv_stride: readonly number[];
    readonly conv_bias: boolean;
    readonly feat_extract_norm: string;
  },
  field: (name: string) => string,
): SampleConvolutions {
  const { conv_dim: dims, conv_kernel: kernels, conv_stride: strides } = fields;
  if (dims.length === 0 || kernels.length !== dims.length || strides.length !== dims.length) {
    throw new InputError(
      "inconsistent",
      `${field("conv_dim")}, ${field("conv_kernel")} and ${field("conv_stride")} have ${dims.length}, ${kernels.length} and ${strides.length} entries, but must have one for each convolution: correct them in the config.`,
      field("conv_dim"),
    );
  }
  const norm = fields.feat_extract_norm;
  if (norm !== "group" && norm !== "layer") {
    throw new InputError(
      "out-of-range",
      `${field("feat_extract_norm")} is ${shown(norm)}, but must be "group" or "layer": correct it in the config.`,
      field("feat_extract_norm"),
    );
  }
  return { dims, kernels, strides, bias: fields.conv_bias, norm };
}

/** wav2vec 2.0's feature encoder (Baevski et al. 2020, section 2); neighbours of the same shape are one stack. */
export function featureEncoder(
  classes: string,
  name: string,
  { dims, kernels, bias, norm }: SampleConvolutions,
  plainClass?: string,
): Module {
  const layers = dims.map((outputs, i) => {
    const normed = norm === "layer" || i === 0;
    const kind = norm === "layer" ? "LayerNorm" : normed ? "GroupNorm" : "NoLayerNorm";
    return module(plainClass ?? `${classes}${kind}ConvLayer`, "conv_layers", [
      conv1d("conv", i === 0 ? 1 : (dims[i - 1] ?? 1), outputs, kernels[i] ?? 1, { bias }),
      normed
        ? layerNorm("layer_norm", outputs, { class: norm === "layer" ? "LayerNorm" : "GroupNorm" })
        : undefined,
    ]);
  });
  return module(`${classes}FeatureEncoder`, name, runsOf(layers));
}

/** Consecutive modules of the same tensors as one stack with their positions. */
export function runsOf(modules: readonly Module[]): Module[] {
  const out: { layer: Module; key: string; at: number[] }[] = [];
  modules.forEach((layer, i) => {
    const key = JSON.stringify(layer);
    const last = out.at(-1);
    if (last?.key === key) last.at.push(i);
    else out.push({ layer, key, at: [i] });
  });
  return out.map(({ layer, at }) => ({ ...layer, indices: ranges(at) }));
}

/** A convolution for positions whose weight norm computes the kernel anew in every forward. */
export interface WeightNormed {
  readonly width: number;
  readonly kernel: number;
  readonly groups: number;
  /** Its stride, where it shortens the sequence (SEW), and the normed features are gone by then. */
  readonly squeeze?: number;
}

/** What the convolutions hold while they run: each one its input, its result and the norm or activation of it. */
export function convolutionEntry(
  { dims, kernels, strides, norm }: SampleConvolutions,
  positional?: WeightNormed,
): ConvFrontEnd {
  const until = (i: number): Step[] =>
    strides
      .slice(0, i + 1)
      .map((stride, at): Step => ({ kind: "conv", kernel: kernels[at] ?? 1, stride }));
  return {
    kind: "conv-front-end",
    bins: 1,
    width: dims[0] ?? 1,
    strides,
    moments: [
      ...dims.map((width, i) => {
        const steps = until(i);
        const map = (label: string): FeatureMap => ({ label, steps, width });
        const before: FeatureMap[] =
          i === 0 ? [] : [{ label: "its input", steps: until(i - 1), width: dims[i - 1] ?? 1 }];
        if (norm !== "layer") return [...before, map("convolution"), map("its norm or activation")];
        const statistics: FeatureMap = {
          label: "statistics of the norm",
          steps,
          width: 2,
          bytes: 4,
        };
        return [
          ...before,
          map("convolution"),
          map("its copy, channels last"),
          map("its norm"),
          statistics,
        ];
      }),
      ...(positional ? [positionalMoment(positional, dims, until(dims.length))] : []),
    ],
    keeps: dims.flatMap((width, i) => {
      const steps = until(i);
      const labels = [
        "convolution",
        ...(norm === "layer" || i === 0 ? ["norm"] : []),
        "activation",
      ];
      return labels.map((label) => ({ label, steps, width }));
    }),
    alwaysLearns: true,
    checkpointed: true,
    ...(dims.some((dim) => dim !== dims[0]) && { widths: dims }),
  };
}

function positionalMoment(
  { width, kernel, groups, squeeze }: WeightNormed,
  dims: readonly number[],
  steps: readonly Step[],
): FeatureMap[] {
  const shorter: Step[] = squeeze === undefined ? [] : [{ kind: "floor", by: squeeze }];
  return [
    ...(squeeze === undefined ? [{ label: "features", steps, width: dims.at(-1) ?? 1 }] : []),
    { label: "projected features", steps, width },
    {
      label: "kernel of the positional convolution",
      steps: [{ kind: "fixed", value: 1 }],
      width: (width / groups) * width * kernel,
      once: true,
    },
    { label: "positional convolution", steps: [...steps, ...shorter], width },
  ];
}
