import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { sinusoids } from "../layers/sinusoids.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { melConvolutions, melEntry, whisperEncoderLayer } from "./whisper.ts";

/**
 * The audio encoder of Qwen2.5-Omni: Whisper's, cut into blocks of `2 × window` mel frames that do not see each other,
 * with the projection to the language model's width inside.
 * Source: transformers 5.18, `models/qwen2_5_omni/modeling_qwen2_5_omni.py`.
 */
export function qwen25Audio(
  name: string,
  sizes: {
    readonly bins: number;
    readonly width: number;
    readonly layers: number;
    readonly heads: number;
    readonly inner: number;
    readonly positions: number;
    readonly window: number;
    readonly out: number;
  },
): Module {
  const { bins, width, layers, positions, window, out } = sizes;
  return module(
    "Qwen2_5OmniAudioEncoder",
    name,
    [
      ...melConvolutions(bins, width),
      sinusoids("positional_embedding", "SinusoidsPositionEmbedding", positions, width),
      embedding("audio_bos_eos_token", 2, out),
      stack(
        upTo(layers),
        whisperEncoderLayer("Qwen2_5OmniAudio", sizes, {
          span: { kind: "chunk", size: window, causal: false, folded: "one by one" },
          scores: "fp32-softmax",
          rebinds: true,
        }),
      ),
      layerNorm("ln_post", width),
      linear("proj", width, out),
    ],
    {
      component: "audio_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        // Without their padding, and in chunks: `forward` names both copies of the features.
        maps: ["features without padding", "features in chunks"].map((label) => ({
          label,
          steps: [],
          width: bins,
        })),
        entry: melEntry(bins, width),
        servedWhole: true,
      },
    },
  );
}
