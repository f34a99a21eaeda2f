import { conv, conv1d, convTranspose1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rotary } from "../layers/rotary.ts";
import { type Indices, upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";

export interface DitSizes {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly headDim: number;
  readonly inner: number;
  readonly codes: number;
  readonly codeWidth: number;
  readonly mel: number;
  /** Widths of the speaker embedding that comes in and of the one that is computed. */
  readonly speakerIn: number;
  readonly speakerOut: number;
  readonly speaker: SpeakerSizes;
}

interface SpeakerSizes {
  readonly channels: readonly number[];
  readonly kernels: readonly number[];
  readonly attention: number;
  readonly squeezed: number;
  /** Groups of channels that a residual block treats one after the other. */
  readonly scale: number;
}

/** Sinusoidal time steps have this many values before their first matrix, whatever the config says. */
const TIME_WIDTH = 256;

/**
 * The diffusion transformer that turns speech codes into mel frames. Its attention keeps nothing and runs in its own
 * pass after the talker, so no operation is stated.
 * Source: transformers 5.18, `models/qwen2_5_omni/modeling_qwen2_5_omni.py`, Qwen2_5OmniToken2WavDiTModel.
 */
export function speechDit(name: string, sizes: DitSizes): Module {
  const { width, layers, heads, headDim, codes, codeWidth, mel, speakerIn, speakerOut } = sizes;
  return module("Qwen2_5OmniToken2WavDiTModel", name, [
    module("DiTTimestepEmbedding", "time_embed", [
      linear("time_mlp.0", TIME_WIDTH, width),
      linear("time_mlp.2", width, width),
    ]),
    module("DiTCodecEmbedding", "text_embed", [embedding("codec_embed", codes + 1, codeWidth)]),
    module("DiTInputEmbedding", "input_embed", [
      linear("proj", mel + speakerOut + speakerIn + codeWidth, width),
      speakerEncoder(mel, speakerOut, sizes.speaker),
    ]),
    rotary("rotary_embed", "Qwen2_5OmniDiTRotaryEmbedding", headDim),
    stack(upTo(layers), ditLayer(width, heads * headDim, sizes.inner)),
    module("Qwen2_5_OmniAdaLayerNormZero_Final", "norm_out", [linear("linear", width, 2 * width)]),
    linear("proj_out", width, mel),
  ]);
}

function ditLayer(width: number, attended: number, inner: number): Module {
  return module("DiTDecoderLayer", "transformer_blocks", [
    module("Qwen2_5_OmniAdaLayerNormZero", "attn_norm", [linear("linear", width, 6 * width)]),
    module("DiTAttention", "attn", [
      linear("to_q", width, attended),
      linear("to_k", width, attended),
      linear("to_v", width, attended),
      linear("to_out.0", attended, width),
    ]),
    module("DiTMLP", "ff", [linear("ff.0", width, inner), linear("ff.3", inner, width)]),
  ]);
}

/** ECAPA-TDNN (Desplanques et al. 2020): a voice as one vector. */
function speakerEncoder(mel: number, out: number, sizes: SpeakerSizes): Module {
  const { channels, kernels, attention } = sizes;
  const at = (list: readonly number[], index: number) => list.at(index) ?? 1;
  const last = at(channels, -1);
  return module("ECAPA_TimeDelayNet", "spk_encoder", [
    delay("blocks.0", mel, at(channels, 0), at(kernels, 0)),
    ...channels
      .slice(1, -1)
      .map((width, index) =>
        stack(one(index + 1), residual(at(channels, index), width, at(kernels, index + 1), sizes)),
      ),
    delay("mfa", last, last, at(kernels, -1)),
    module("AttentiveStatisticsPooling", "asp", [
      delay("tdnn", 3 * last, attention, 1),
      conv1d("conv", attention, last, 1),
    ]),
    conv1d("fc", 2 * last, out, 1),
  ]);
}

const one = (index: number): Indices => [[index, index]];

const delay = (name: string, inputs: number, outputs: number, kernel: number): Module =>
  module("TimeDelayNetBlock", name, [conv1d("conv", inputs, outputs, kernel)]);

function residual(inputs: number, width: number, kernel: number, sizes: SpeakerSizes): Module {
  const group = Math.floor(width / sizes.scale);
  return module("SqueezeExcitationRes2NetBlock", "blocks", [
    delay("tdnn1", inputs, width, 1),
    module("Res2NetBlock", "res2net_block", [
      stack(upTo(sizes.scale - 1), delay("blocks", group, group, kernel)),
    ]),
    delay("tdnn2", width, width, 1),
    module("SqueezeExcitationBlock", "se_block", [
      conv1d("conv1", width, sizes.squeezed, 1),
      conv1d("conv2", sizes.squeezed, width, 1),
    ]),
  ]);
}

export interface BigVganSizes {
  readonly mel: number;
  readonly width: number;
  /** Kernels of the transposed convolutions, one per halving of the width. */
  readonly upKernels: readonly number[];
  /** Kernels of the residual blocks after each of them. */
  readonly blockKernels: readonly number[];
}

/** BigVGAN (Lee et al. 2023): mel frames to a waveform. Source: the same file, Qwen2_5OmniToken2WavBigVGANModel. */
export function bigVgan(name: string, sizes: BigVganSizes): Module {
  const { mel, width, upKernels, blockKernels } = sizes;
  const after = (halvings: number) => Math.floor(width / 2 ** halvings);
  const last = after(upKernels.length);
  return module("Qwen2_5OmniToken2WavBigVGANModel", name, [
    conv("conv_pre", mel, width, [7]),
    ...upKernels.map((kernel, index) =>
      stack(
        one(index),
        module("ModuleList", "ups", [convTranspose1d("0", after(index), after(index + 1), kernel)]),
      ),
    ),
    ...upKernels.flatMap((_, up) =>
      blockKernels.map((kernel, index) =>
        stack(one(up * blockKernels.length + index), ampBlock(after(up + 1), kernel)),
      ),
    ),
    activation("activation_post", last),
    conv1d("conv_post", last, 1, 7, { bias: false }),
  ]);
}

function ampBlock(width: number, kernel: number): Module {
  return module("Qwen2_5OmniAMPBlock", "resblocks", [
    stack(upTo(3), conv1d("convs1", width, width, kernel)),
    stack(upTo(3), conv1d("convs2", width, width, kernel)),
    stack(upTo(6), activation("activations", width)),
  ]);
}

/** Taps of the filters around each activation, which keep it from folding frequencies back. */
const TAPS = 12;

function activation(name: string, width: number): Module {
  const filter = (className: string, own: string) =>
    module(className, own, [], {
      buffers: [{ name: "filter", shape: [1, 1, TAPS], dtype: "fp32", persistent: false }],
    });
  return module("Qwen2_5OmniAntiAliasedActivation1d", name, [
    snake("act", "Qwen2_5OmniSnakeBeta", width),
    filter("Qwen2_5OmniUpSample1d", "upsample"),
    filter("Qwen2_5OmniDownSample1d", "downsample"),
  ]);
}

/** x + sin²(αx)/β, with both learned per channel (Ziyin et al. 2020). */
export const snake = (name: string, className: string, width: number): Module =>
  module(className, name, [], {
    tensors: [
      { name: "alpha", shape: [width] },
      { name: "beta", shape: [width] },
    ],
  });
