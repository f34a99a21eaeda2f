import { type RawConfig, within } from "../config/raw.ts";
import { dimension, or, orNull, positions, reader, text } from "../config/schema.ts";
import { layerNorm } from "../layers/norm.ts";
import { oddKernel } from "../towers/conformer.ts";
import { positionTable, speechConformerLayer } from "../towers/speech-conformer.ts";
import { evenGroups, featureProjection, positionalConv } from "../towers/wav2vec2.ts";
import {
  convolutionEntry,
  featureEncoder,
  sampleConvolutions,
} from "../towers/wav2vec2-features.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { module, stack } from "../tree/module.ts";
import type { Context } from "./family.ts";
import {
  maskVector,
  type SpeechBody,
  speechEncoderFamily,
  speechFields,
} from "./speech-encoder.ts";
import { adapterOf, contrastive } from "./wav2vec2.ts";

const CLASSES = "Wav2Vec2Conformer";

/** Wav2Vec2ConformerConfig (transformers 5.18). */
const read = reader(() => ({
  ...speechFields(),
  position_embeddings_type: or(orNull(text()), "relative"),
  max_source_positions: or(positions(), 5000),
  conv_depthwise_kernel_size: or(dimension(), 31),
}));

function body(raw: RawConfig, context: Context): SpeechBody {
  const config = read(raw, context);
  const field = (name: string) => within(context.path, name);
  const { hidden_size: width, num_attention_heads: heads, num_hidden_layers: layers } = config;
  const groups = config.num_conv_pos_embedding_groups;
  const kernel = config.conv_depthwise_kernel_size;
  evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
  evenGroups(width, groups, field);
  oddKernel(kernel, field("conv_depthwise_kernel_size"));
  const convolutions = sampleConvolutions(config, field);
  const adapter = adapterOf(raw, context, CLASSES, width);
  const kind = config.position_embeddings_type;
  const relative = kind === "relative" ? kind : null;
  const sizes = { width, inner: config.intermediate_size, layers, heads };
  const encoder = module(
    `${CLASSES}Encoder`,
    "encoder",
    [
      positionTable(CLASSES, {
        positions: kind,
        width,
        heads,
        reach: config.max_source_positions,
        stored: true,
      }),
      positionalConv(CLASSES, { width, kernel: config.num_conv_pos_embeddings, groups }),
      layerNorm("layer_norm", width),
      stack(
        upTo(layers),
        speechConformerLayer(CLASSES, { ...sizes, kernel, positions: relative, norm: "batch" }),
      ),
    ],
    {
      op: {
        kind: "tower",
        side: "encoder",
        width,
        beside: [convolutions.dims.at(-1) ?? 1],
        entry: convolutionEntry(convolutions),
      },
    },
  );
  return {
    children: [
      featureEncoder(CLASSES, "feature_extractor", convolutions),
      featureProjection(CLASSES, convolutions.dims.at(-1) ?? 1, width),
      encoder,
      adapter?.module,
    ],
    tensors: maskVector(raw, context, width),
    convolutions,
    width,
    layers,
    ...(adapter && { adapted: adapter.outputs }),
  };
}

/** wav2vec 2.0 with conformer layers. Source: transformers 5.18, `models/wav2vec2_conformer/modeling_wav2vec2_conformer.py`. */
export const wav2vec2Conformer = speechEncoderFamily({
  name: "wav2vec2-conformer",
  classes: CLASSES,
  base: "wav2vec2_conformer",
  purpose: "speech representations and CTC transcription",
  tasks: [
    "Model",
    "ForPreTraining",
    "ForCTC",
    "ForSequenceClassification",
    "ForAudioFrameClassification",
    "ForXVector",
  ],
  body,
  pretraining: (raw, context, built) => contrastive(raw, context, CLASSES, built),
});
