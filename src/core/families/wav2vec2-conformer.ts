import { type RawConfig, within } from "../config/raw.ts";
import { dimension, or, orNull, positions, reader, text } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { linear } from "../layers/linear.ts";
import { batchNorm, layerNorm } from "../layers/norm.ts";
import { conformerLayer, convolutionModule } from "../towers/conformer.ts";
import {
  evenGroups,
  featureProjection,
  intermediateFeedForward,
  positionalConv,
  type SpeechEncoderSizes,
} from "../towers/wav2vec2.ts";
import {
  convolutionEntry,
  featureEncoder,
  sampleConvolutions,
} from "../towers/wav2vec2-features.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
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

const PROJECTIONS = [
  ["q", "linear_q"],
  ["k", "linear_k"],
  ["v", "linear_v"],
  ["o", "linear_out"],
] as const;

function selfAttention(width: number, heads: number, relative: boolean): Module {
  const headDim = Math.floor(width / heads);
  const plain = attention(`${CLASSES}SelfAttention`, "self_attn", {
    width,
    heads,
    names: PROJECTIONS,
    extra: relative
      ? [
          linear("linear_pos", width, width, {
            bias: false,
            divide: { by: "columns", units: heads },
          }),
        ]
      : [],
    span: { kind: "full" },
    scores: "scaled-copy",
    cached: false,
  });
  if (!relative || plain.op?.kind !== "attention") return plain;
  return {
    ...plain,
    tensors: ["pos_bias_u", "pos_bias_v"].map((name) => ({
      name,
      shape: [heads, headDim],
      cut: { dim: 0, units: heads },
    })),
    op: { ...plain.op, biased: true },
  };
}

function layer({ width, inner, heads }: SpeechEncoderSizes, kernel: number, relative: boolean) {
  return conformerLayer(
    `${CLASSES}EncoderLayer`,
    "layers",
    width,
    [
      layerNorm("ffn1_layer_norm", width),
      intermediateFeedForward(CLASSES, "ffn1", width, inner),
      layerNorm("self_attn_layer_norm", width),
      selfAttention(width, heads, relative),
      convolutionModule(`${CLASSES}ConvolutionModule`, "conv_module", {
        width,
        kernel,
        names: ["pointwise_conv1", "depthwise_conv", "pointwise_conv2"],
        bias: { pointwise: false, depthwise: false },
        norm: batchNorm("batch_norm", width),
        before: layerNorm("layer_norm", width),
      }),
      layerNorm("ffn2_layer_norm", width),
      intermediateFeedForward(CLASSES, "ffn2", width, inner),
      layerNorm("final_layer_norm", width),
    ],
    ["ffn1", "self_attn", "conv_module", "ffn2"],
  );
}

/** Sines of every distance that the table reaches, or rotary frequencies, which this class stores in the checkpoint. */
function positionTable(kind: string | null, width: number, heads: number, reach: number) {
  if (kind === "relative") {
    return module(`${CLASSES}RelPositionalEmbedding`, "embed_positions", [], {
      buffers: [
        { name: "pe", shape: [1, 2 * reach - 1, width], dtype: "model", persistent: false },
      ],
    });
  }
  if (kind !== "rotary") return undefined;
  const frequencies = Math.ceil(Math.floor(width / heads) / 2);
  return module(`${CLASSES}RotaryPositionalEmbedding`, "embed_positions", [], {
    buffers: [{ name: "inv_freq", shape: [frequencies], dtype: "fp32", persistent: true }],
  });
}

function body(raw: RawConfig, context: Context): SpeechBody {
  const config = read(raw, context);
  const field = (name: string) => within(context.path, name);
  const { hidden_size: width, num_attention_heads: heads, num_hidden_layers: layers } = config;
  const groups = config.num_conv_pos_embedding_groups;
  const kernel = config.conv_depthwise_kernel_size;
  evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
  evenGroups(width, groups, field);
  if (kernel % 2 === 0) {
    throw new InputError(
      "out-of-range",
      `${field("conv_depthwise_kernel_size")} is ${kernel}, but must be odd: correct it in the config.`,
      field("conv_depthwise_kernel_size"),
    );
  }
  const convolutions = sampleConvolutions(config, field);
  const adapter = adapterOf(raw, context, CLASSES, width);
  const kind = config.position_embeddings_type;
  const sizes = { width, inner: config.intermediate_size, layers, heads };
  const encoder = module(
    `${CLASSES}Encoder`,
    "encoder",
    [
      positionTable(kind, width, heads, config.max_source_positions),
      positionalConv(CLASSES, { width, kernel: config.num_conv_pos_embeddings, groups }),
      layerNorm("layer_norm", width),
      stack(upTo(layers), layer(sizes, kernel, kind === "relative")),
    ],
    { op: { kind: "tower", side: "encoder", width, entry: convolutionEntry(convolutions) } },
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
