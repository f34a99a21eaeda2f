import { conv } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { sinusoids } from "./qwen-audio-2_5.ts";
import { whisperEncoderLayer } from "./whisper.ts";

/**
 * The audio encoder of the Qwen3 models (AuT): three convolutions over mel bins and frames, each halving both, then
 * Whisper's layers with biases everywhere, seeing `attended` positions together, and a projection of two matrices.
 * Source: transformers 5.18, `models/qwen3_omni_moe/modeling_qwen3_omni_moe.py`.
 */
export function qwenAudio(
  name: string,
  /** Prefix of the class names: "Qwen3OmniMoeAudio". */
  classes: string,
  sizes: {
    readonly bins: number;
    readonly width: number;
    readonly layers: number;
    readonly heads: number;
    readonly inner: number;
    readonly positions: number;
    readonly channels: number;
    /** Positions that see each other. */
    readonly attended: number;
    readonly out: number;
  },
): Module {
  const { bins, width, layers, positions, channels, attended, out } = sizes;
  const halved = (n: number) => Math.floor((n + 1) / 2);
  return module(
    `${classes}Encoder`,
    name,
    [
      sinusoids(positions, width),
      stack(
        upTo(layers),
        whisperEncoderLayer(classes, sizes, {
          span: { kind: "chunk", size: attended, causal: false },
          keyBias: true,
          scores: "fp32-softmax",
        }),
      ),
      layerNorm("ln_post", width),
      conv("conv2d1", 1, channels, [3, 3]),
      conv("conv2d2", channels, channels, [3, 3]),
      conv("conv2d3", channels, channels, [3, 3]),
      linear("conv_out", channels * halved(halved(halved(bins))), width, { bias: false }),
      linear("proj1", width, width),
      linear("proj2", width, out),
    ],
    { component: "audio_encoder", op: { kind: "tower", side: "encoder", width } },
  );
}
