import { linear } from "../layers/linear.ts";
import { type Module, module } from "../tree/module.ts";
import { runsOf } from "./wav2vec2-features.ts";

/** The tasks that a speech encoder is published for: what comes after "For" in the class name. */
export type SpeechTask =
  | "Model"
  | "ForPreTraining"
  | "ForCTC"
  | "ForSequenceClassification"
  | "ForAudioFrameClassification"
  | "ForXVector";

/** Letters for every position, over which CTC sums alignments (Graves et al. 2006). */
export const ctcHead = (name: string, width: number, vocab: number): Module => ({
  ...linear(name, width, vocab, { component: "lm_head" }),
  op: { kind: "head", vocab, positions: "all" },
});

export const sequenceHead = (width: number, projection: number, labels: number): Module[] => [
  linear("projector", width, projection, { component: "lm_head" }),
  linear("classifier", projection, labels, { component: "lm_head" }),
];

export const frameHead = (width: number, labels: number): Module[] => [
  linear("classifier", width, labels, { component: "lm_head" }),
];

export interface XVectorSizes {
  readonly width: number;
  readonly dims: readonly number[];
  readonly kernels: readonly number[];
  readonly outputs: number;
  readonly labels: number;
}

/** Speaker vectors (Snyder et al. 2018): time-delay layers as matrices over `kernel` frames, mean and deviation, two matrices. */
export function xVectorHead({ width, dims, kernels, outputs, labels }: XVectorSizes): Module[] {
  const [first = 1] = dims;
  const layers = dims.map((dim, i) =>
    module("TDNNLayer", "tdnn", [
      linear("kernel", (i === 0 ? first : (dims[i - 1] ?? 1)) * (kernels[i] ?? 1), dim),
    ]),
  );
  const statistics = 2 * (dims.at(-1) ?? 1);
  return [
    linear("projector", width, first),
    ...runsOf(layers),
    linear("feature_extractor", statistics, outputs),
    linear("classifier", outputs, outputs),
    module("AMSoftmaxLoss", "objective", [], {
      tensors: [{ name: "weight", shape: [outputs, labels] }],
    }),
  ].map((part) => ({ ...part, component: "lm_head" as const }));
}

export interface QuantizerSizes {
  /** Width of the features that choose a codevector. */
  readonly source: number;
  readonly groups: number;
  readonly perGroup: number;
  readonly width: number;
}

/** Gumbel-softmax choice of one codevector in each group (Baevski et al. 2020); used in pre-training only. */
export function gumbelQuantizer(classes: string, sizes: QuantizerSizes): Module {
  const { source, groups, perGroup, width } = sizes;
  return module(
    `${classes}GumbelVectorQuantizer`,
    "quantizer",
    [linear("weight_proj", source, groups * perGroup)],
    { tensors: [{ name: "codevectors", shape: [1, groups * perGroup, width / groups] }] },
  );
}
