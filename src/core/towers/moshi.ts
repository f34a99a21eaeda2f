import { attention } from "../layers/attention.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { type Module, module } from "../tree/module.ts";

export interface MoshiLayerSizes {
  /** Prefix of the class names: "Moshi", "KyutaiSpeechToText". */
  readonly classes: string;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Of the gate and what it gates. */
  readonly inner: number;
  readonly window: number;
  /** Every matrix once for each codebook: the depth decoder, which has no rotary positions either. */
  readonly codebooks?: number;
}

const PROJECTIONS = [
  ["q", "q_proj.linear"],
  ["k", "k_proj.linear"],
  ["v", "v_proj.linear"],
  ["o", "o_proj.linear"],
] as const;

/** A layer of Moshi (Défossez et al. 2024): RMS norms, a sliding window, and rotary tables in every layer. */
export function moshiLayer(sizes: MoshiLayerSizes): Module {
  const { classes, width, headDim, codebooks } = sizes;
  const attend = attention(`${classes}Attention`, "self_attn", {
    width,
    heads: sizes.heads,
    kvHeads: sizes.kvHeads,
    headDim,
    bias: false,
    names: PROJECTIONS,
    extra:
      codebooks === undefined ? [rotary("rotary_emb", `${classes}RotaryEmbedding`, headDim)] : [],
    span: { kind: "window", size: sizes.window, causal: true },
    scores: "fp32-softmax",
    cached: true,
  });
  const feedForward = gatedFeedForward(`${classes}GatingMLP`, "mlp", width, sizes.inner, {
    names: ["fc1", "fc2"],
  });
  const each = (part: Module, least: number): Module =>
    codebooks === undefined || codebooks < least
      ? part
      : { ...part, children: part.children.map((child) => perCodebook(classes, child, codebooks)) };
  return module(
    `${classes}DecoderLayer`,
    "layers",
    [
      each(attend, 1),
      // With one codebook alone the reference keeps plain matrices here.
      each(feedForward, 2),
      rmsNorm("input_layernorm", width, `${classes}RMSNorm`),
      rmsNorm("post_attention_layernorm", width, `${classes}RMSNorm`),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
}

/** The matrix of `plain` once for each codebook: weight [codebooks, outputs, inputs]. */
export function perCodebook(classes: string, plain: Module, codebooks: number): Module {
  return {
    ...plain,
    class: `${classes}FlexibleLinear`,
    tensors: plain.tensors.map(({ cut, ...tensor }) => ({
      ...tensor,
      shape: [codebooks, ...tensor.shape],
      ...(cut && { cut: { ...cut, dim: cut.dim + 1 } }),
    })),
  };
}
