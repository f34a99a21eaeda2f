import { layerNorm } from "../layers/norm.ts";
import {
  conformerAdapter,
  positionTable,
  speechConformerLayer,
} from "../towers/speech-conformer.ts";
import { featureProjection, intermediateFeedForward } from "../towers/wav2vec2.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { SeamlessConfig } from "./seamless-config.ts";

/** Filter banks to the decoder's width: conformer, feed-forward, adapter. */
export function seamlessSpeechEncoder(config: SeamlessConfig): Module {
  const { hidden_size: width, second } = config;
  const classes = `${config.classes}Conformer`;
  const heads = config.speech_encoder_attention_heads;
  const inner = config.speech_encoder_intermediate_size;
  const positions = config.position_embeddings_type;
  // Each version knows some of the kinds only.
  const known = second ? ["relative_key"] : ["relative", "rotary"];
  const kind = positions !== null && known.includes(positions) ? positions : null;
  return module(
    `${config.classes}SpeechEncoder`,
    "speech_encoder",
    [
      featureProjection(classes, config.feature_projection_input_dim, width),
      module(
        `${classes}Encoder`,
        "encoder",
        [
          positionTable(classes, {
            positions: kind,
            width,
            heads,
            reach: config.max_source_positions,
            stored: true,
          }),
          stack(
            upTo(config.speech_encoder_layers),
            speechConformerLayer(classes, {
              width,
              inner,
              layers: config.speech_encoder_layers,
              heads,
              kernel: config.conv_depthwise_kernel_size,
              positions: kind,
              left: config.left_max_position_embeddings,
              right: config.right_max_position_embeddings,
              chunked: second,
              norm: second ? "layer" : "batch",
            }),
          ),
          layerNorm("layer_norm", width),
        ],
        {
          op: {
            kind: "tower",
            side: "encoder",
            width,
            beside: [config.feature_projection_input_dim],
            // The adapter after it leaves fewer.
            runsOver: [{ kind: "ceil", by: 2 }],
          },
        },
      ),
      intermediateFeedForward(classes, "intermediate_ffn", width, inner),
      config.add_adapter
        ? conformerAdapter(classes, {
            width,
            outputs: width,
            inner,
            heads,
            layers: config.num_adapter_layers,
            kernel: config.adaptor_kernel_size,
          })
        : undefined,
      layerNorm("inner_layer_norm", width),
    ],
    { component: "audio_encoder" },
  );
}
