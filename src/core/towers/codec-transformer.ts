import { attention } from "../layers/attention.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { ConvFrontEnd } from "../tree/op.ts";

export interface CodecTransformerSizes {
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly window: number;
  readonly bias: boolean;
}

const PROJECTIONS = [
  ["q", "q_proj"],
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["o", "o_proj"],
] as const;

const scale = (name: string, width: number): Module =>
  module("MimiLayerScale", name, [], { tensors: [{ name: "scale", shape: [width] }] });

/**
 * The causal transformer with a sliding window between Mimi's convolutions and its quantiser (Défossez et al. 2024,
 * section 3.3): layer norms, residual branches scaled by a learned vector.
 */
export function codecTransformer(
  name: string,
  sizes: CodecTransformerSizes,
  use: {
    /** What comes before it where it runs over audio; the decoder's runs over generated codes. */
    readonly entry?: ConvFrontEnd;
    /** Positions per code frame where it keeps its keys and values from one piece to the next; undefined: it keeps none. */
    readonly perToken?: number | undefined;
  },
): Module {
  const { perToken } = use;
  const { width, inner, layers, heads, kvHeads, headDim, bias } = sizes;
  const attend = attention("MimiAttention", "self_attn", {
    width,
    heads,
    kvHeads,
    headDim,
    bias,
    names: PROJECTIONS,
    span: { kind: "window", size: sizes.window, causal: true },
    scores: "fp32-softmax",
    cached: perToken !== undefined,
  });
  const feedForward = plainFeedForward("MimiMLP", "mlp", width, inner, ["fc1", "fc2"], {
    bias: false,
  });
  const layer = module(
    "MimiTransformerLayer",
    "layers",
    [
      attend.state?.kind === "kv" && perToken !== undefined
        ? { ...attend, state: { ...attend.state, perToken } }
        : attend,
      feedForward,
      layerNorm("input_layernorm", width),
      layerNorm("post_attention_layernorm", width),
      scale("self_attn_layer_scale", width),
      scale("mlp_layer_scale", width),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
  return module(
    "MimiTransformerModel",
    name,
    [stack(upTo(layers), layer), rotary("rotary_emb", "MimiRotaryEmbedding", headDim)],
    use.entry ? { op: { kind: "tower", side: "encoder", width, entry: use.entry } } : {},
  );
}
