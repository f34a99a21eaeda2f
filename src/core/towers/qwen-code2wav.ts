import { attention } from "../layers/attention.ts";
import { conv1d, convTranspose1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm, rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { snake } from "./qwen-token2wav.ts";

export interface Code2WavSizes {
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly bias: boolean;
  readonly window: number;
  readonly codes: number;
  readonly codebooks: number;
  /** Factors by which the transformer's output is stretched, and then the decoder's. */
  readonly stretches: readonly number[];
  readonly rates: readonly number[];
  readonly decoderWidth: number;
}

/** Taps of the convolutions between stretches, whatever the config says. */
const TAPS = 7;

/**
 * Speech codes to a waveform: summed code vectors, a windowed transformer that runs over chunks without a cache,
 * ConvNeXt blocks and a convolutional decoder (all causal).
 * Source: transformers 5.18, `models/qwen3_omni_moe/modeling_qwen3_omni_moe.py`, Qwen3OmniMoeCode2Wav.
 */
export function code2Wav(name: string, sizes: Code2WavSizes): Module {
  const { width, layers, headDim, codes, codebooks, stretches, rates, decoderWidth } = sizes;
  const after = (halvings: number) => Math.floor(decoderWidth / 2 ** halvings);
  const last = after(rates.length);
  return module(
    "Qwen3OmniMoeCode2Wav",
    name,
    [
      module("Qwen3OmniMoeCode2WavTransformerModel", "pre_transformer", [
        stack(upTo(layers), layer(sizes)),
        rmsNorm("norm", width, "Qwen3OmniMoeRMSNorm"),
        rotary("rotary_emb", "Qwen3OmniMoeRotaryEmbedding", headDim),
      ]),
      embedding("code_embedding", codes * codebooks, width),
      ...stretches.map((factor, index) =>
        module("ModuleList", `upsample.${index}`, [
          upsampling("0", width, width, factor),
          convNext("1", width),
        ]),
      ),
      causal("decoder.0", width, decoderWidth, TAPS),
      ...rates.map((rate, index) =>
        decoderBlock(`decoder.${index + 1}`, after(index), after(index + 1), rate),
      ),
      snake(`decoder.${rates.length + 1}`, "Qwen3OmniMoeSnakeBeta", last),
      causal(`decoder.${rates.length + 2}`, last, 1, TAPS),
    ],
    {
      component: "code2wav",
      buffers: [
        { name: "code_offset", shape: [1, codebooks, 1], dtype: "int64", persistent: false },
      ],
    },
  );
}

function layer(sizes: Code2WavSizes): Module {
  const { width, inner, heads, kvHeads, headDim, bias, window } = sizes;
  const scale = (name: string) =>
    module("Qwen3OmniMoeCode2WavLayerScale", name, [], {
      tensors: [{ name: "scale", shape: [width] }],
    });
  return module(
    "Qwen3OmniMoeCode2WavTransformerLayer",
    "layers",
    [
      attention("Qwen3OmniMoeCode2WavAttention", "self_attn", {
        width,
        heads,
        kvHeads,
        headDim,
        bias,
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "o_proj"],
        ],
        span: { kind: "window", size: window, causal: true },
        scores: "fp32-softmax",
        cached: false,
      }),
      gatedFeedForward("Qwen3OmniMoeCode2WavMlp", "mlp", width, inner),
      rmsNorm("input_layernorm", width, "Qwen3OmniMoeCode2WavRMSNorm"),
      rmsNorm("post_attention_layernorm", width, "Qwen3OmniMoeCode2WavRMSNorm"),
      scale("self_attn_layer_scale"),
      scale("mlp_layer_scale"),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
}

const causal = (name: string, inputs: number, outputs: number, taps: number, groups = 1): Module =>
  module("Qwen3OmniMoeCausalConvNet", name, [conv1d("conv", inputs, outputs, taps, { groups })]);

const upsampling = (name: string, inputs: number, outputs: number, taps: number): Module =>
  module("Qwen3OmniMoeCausalTransConvNet", name, [convTranspose1d("conv", inputs, outputs, taps)]);

/** Liu et al. 2022, in one dimension. */
const convNext = (name: string, width: number): Module =>
  module(
    "Qwen3OmniMoeConvNeXtBlock",
    name,
    [
      causal("dwconv", width, width, TAPS, width),
      layerNorm("norm", width),
      linear("pwconv1", width, 4 * width),
      linear("pwconv2", 4 * width, width),
    ],
    { tensors: [{ name: "gamma", shape: [width] }] },
  );

/** A stretch by `rate` that halves the width, then three residual units of rising dilation. */
function decoderBlock(name: string, inputs: number, outputs: number, rate: number): Module {
  const unit = module("Qwen3OmniMoeCode2WavDecoderResidualUnit", "block", [
    snake("act1", "Qwen3OmniMoeSnakeBeta", outputs),
    causal("conv1", outputs, outputs, TAPS),
    snake("act2", "Qwen3OmniMoeSnakeBeta", outputs),
    causal("conv2", outputs, outputs, 1),
  ]);
  return module("Qwen3OmniMoeCode2WavDecoderBlock", name, [
    snake("block.0", "Qwen3OmniMoeSnakeBeta", inputs),
    upsampling("block.1", inputs, outputs, 2 * rate),
    stack([[2, 4]], unit),
  ]);
}
