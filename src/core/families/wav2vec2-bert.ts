import { stackedFbankGeometry } from "../audio/fbank-geometry.ts";
import { type RawConfig, within } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  maybe,
  or,
  orNull,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import { oddKernel } from "../towers/conformer.ts";
import {
  conformerAdapter,
  positionTable,
  speechConformerLayer,
} from "../towers/speech-conformer.ts";
import { featureProjection, intermediateFeedForward } from "../towers/wav2vec2.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { module, stack } from "../tree/module.ts";
import type { Context } from "./family.ts";
import { maskVector, type SpeechBody, speechEncoderFamily } from "./speech-encoder.ts";

const CLASSES = "Wav2Vec2Bert";

/** Wav2Vec2BertConfig (transformers 5.18). */
const read = reader(() => ({
  hidden_size: or(dimension(), 1024),
  num_hidden_layers: or(count(), 24),
  num_attention_heads: or(dimension(), 16),
  intermediate_size: or(dimension(), 4096),
  feature_projection_input_dim: or(dimension(), 160),
  position_embeddings_type: or(orNull(text()), "relative_key"),
  max_source_positions: or(positions(), 5000),
  left_max_position_embeddings: or(integer(0, 2 ** 20), 64),
  right_max_position_embeddings: or(integer(0, 2 ** 20), 8),
  conv_depthwise_kernel_size: or(integer(1, 10_000), 31),
  add_adapter: or(flag(), false),
  adapter_kernel_size: or(integer(1, 10_000), 3),
  num_adapter_layers: or(count(0), 1),
  use_intermediate_ffn_before_adapter: or(flag(), false),
  output_hidden_size: maybe(dimension()),
}));

function body(raw: RawConfig, context: Context): SpeechBody {
  const config = read(raw, context);
  const field = (name: string) => within(context.path, name);
  const {
    hidden_size: width,
    num_attention_heads: heads,
    num_hidden_layers: layers,
    intermediate_size: inner,
    position_embeddings_type: kind,
    conv_depthwise_kernel_size: kernel,
  } = config;
  evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
  oddKernel(kernel, field("conv_depthwise_kernel_size"));
  const outputs = config.output_hidden_size ?? width;
  if (config.add_adapter) {
    evenHeads(outputs, heads, field("output_hidden_size"), field("num_attention_heads"));
  }
  const encoder = module(
    `${CLASSES}Encoder`,
    "encoder",
    [
      positionTable(CLASSES, {
        positions: kind,
        width,
        heads,
        reach: config.max_source_positions,
        stored: false,
      }),
      stack(
        upTo(layers),
        speechConformerLayer(CLASSES, {
          width,
          inner,
          layers,
          heads,
          kernel,
          positions: kind,
          left: config.left_max_position_embeddings,
          right: config.right_max_position_embeddings,
          norm: "layer",
        }),
      ),
    ],
    {
      op: {
        kind: "tower",
        side: "encoder",
        width,
        beside: [config.feature_projection_input_dim],
        ...(config.add_adapter && { runsOver: [{ kind: "ceil", by: 2 }] }),
      },
    },
  );
  return {
    children: [
      featureProjection(CLASSES, config.feature_projection_input_dim, width),
      encoder,
      config.add_adapter
        ? conformerAdapter(CLASSES, {
            width,
            outputs,
            inner,
            heads,
            layers: config.num_adapter_layers,
            kernel: config.adapter_kernel_size,
          })
        : undefined,
      config.use_intermediate_ffn_before_adapter
        ? intermediateFeedForward(CLASSES, "intermediate_ffn", width, inner)
        : undefined,
    ],
    tensors: maskVector(raw, context, width),
    audio: stackedFbankGeometry(config.feature_projection_input_dim),
    width,
    layers,
    ...(config.add_adapter && { adapted: outputs }),
  };
}

/**
 * w2v-BERT 2.0 (Seamless Communication 2023): a conformer over filter banks, alone or under a task's head.
 * Source: transformers 5.18, `models/wav2vec2_bert/modeling_wav2vec2_bert.py`.
 */
export const wav2vec2Bert = speechEncoderFamily({
  name: "wav2vec2-bert",
  classes: CLASSES,
  base: "wav2vec2_bert",
  purpose: "speech representations and CTC transcription",
  tasks: [
    "Model",
    "ForCTC",
    "ForSequenceClassification",
    "ForAudioFrameClassification",
    "ForXVector",
  ],
  body,
  classifier: 768,
});
