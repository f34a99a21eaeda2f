import { type RawConfig, within } from "../config/raw.ts";
import { count, dimension, flag, maybe, or, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { linear } from "../layers/linear.ts";
import { gumbelQuantizer } from "../towers/speech-heads.ts";
import {
  evenGroups,
  featureProjection,
  type GatedPositions,
  lengthAdapter,
  positionalConv,
  speechEncoder,
} from "../towers/wav2vec2.ts";
import {
  convolutionEntry,
  featureEncoder,
  sampleConvolutions,
} from "../towers/wav2vec2-features.ts";
import { evenHeads } from "../towers/whisper.ts";
import type { Module } from "../tree/module.ts";
import type { Tensor } from "../tree/tensor.ts";
import type { Context } from "./family.ts";
import {
  maskVector,
  type PreTraining,
  type SpeechBody,
  speechEncoderFamily,
  speechFields,
} from "./speech-encoder.ts";

/** Wav2Vec2Config (transformers 5.18). */
const read = reader(() => ({ ...speechFields(), do_stable_layer_norm: or(flag(), false) }));
const readBottleneck = reader(() => ({ adapter_attn_dim: maybe(dimension()) }));

export interface Wav2Vec2Habits {
  readonly classes: string;
  /** Whether layers may hold a bottleneck for a language (`adapter_attn_dim`). */
  readonly bottlenecks?: boolean;
  /** Whether the class knows `add_adapter`. */
  readonly adapters?: boolean;
  readonly gatedPositions?: GatedPositions;
  /** HuBERT's switches. */
  readonly unnormedProjection?: boolean;
  readonly batchNormedPositions?: boolean;
  /** The mask vector exists whatever the config masks (UniSpeech-SAT). */
  readonly alwaysMasks?: boolean;
}

/** wav2vec 2.0's encoder as its descendants have it. */
export function wav2vec2Body(raw: RawConfig, context: Context, habits: Wav2Vec2Habits): SpeechBody {
  const config = read(raw, context);
  const field = (name: string) => within(context.path, name);
  const { classes } = habits;
  const { hidden_size: width, num_attention_heads: heads, num_hidden_layers: layers } = config;
  const groups = config.num_conv_pos_embedding_groups;
  evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
  evenGroups(width, groups, field);
  const convolutions = sampleConvolutions(config, field);
  const channels = convolutions.dims.at(-1) ?? 1;
  const stable = config.do_stable_layer_norm;
  const bottleneck =
    habits.bottlenecks && stable ? readBottleneck(raw, context).adapter_attn_dim : undefined;
  const adapter = habits.adapters ? adapterOf(raw, context, classes, width) : undefined;
  return {
    children: [
      featureEncoder(classes, "feature_extractor", convolutions),
      featureProjection(classes, channels, width, !habits.unnormedProjection),
      speechEncoder(
        classes,
        {
          width,
          inner: config.intermediate_size,
          layers,
          heads,
          dropout: {
            hidden: config.hidden_dropout > 0,
            inner: config.activation_dropout > 0,
            scores: config.attention_dropout > 0,
          },
        },
        {
          stable,
          ...(bottleneck !== undefined && { bottleneck }),
          ...(habits.gatedPositions && { gatedPositions: habits.gatedPositions }),
        },
        positionalConv(classes, {
          width,
          kernel: config.num_conv_pos_embeddings,
          groups,
          batchNormed: habits.batchNormedPositions ?? false,
        }),
        convolutionEntry(
          convolutions,
          habits.batchNormedPositions
            ? undefined
            : { width, kernel: config.num_conv_pos_embeddings, groups },
        ),
      ),
      adapter?.module,
    ],
    tensors: habits.alwaysMasks ? [MASK(width)] : maskVector(raw, context, width),
    convolutions,
    width,
    layers,
    ...(adapter && { adapted: adapter.outputs }),
  };
}

const MASK = (width: number): Tensor => ({ name: "masked_spec_embed", shape: [width] });

const readAdapted = reader(() => ({ add_adapter: or(flag(), false) }));
const readAdapter = reader(() => ({
  adapter_kernel_size: or(dimension(), 3),
  num_adapter_layers: or(count(0), 3),
  output_hidden_size: maybe(dimension()),
}));

/** The length adapter after the encoder (`add_adapter`), and the width that it leaves. */
export function adapterOf(
  raw: RawConfig,
  context: Context,
  classes: string,
  width: number,
): { readonly module: Module; readonly outputs: number } | undefined {
  if (!readAdapted(raw, context).add_adapter) return undefined;
  const config = readAdapter(raw, context);
  const outputs = config.output_hidden_size ?? width;
  const options = {
    width,
    outputs,
    kernel: config.adapter_kernel_size,
    layers: config.num_adapter_layers,
  };
  return { module: lengthAdapter(classes, options), outputs };
}

const readQuantizer = reader(() => ({
  num_codevectors_per_group: or(dimension(), 320),
  num_codevector_groups: or(dimension(), 2),
  codevector_dim: or(dimension(), 256),
  proj_codevector_dim: or(dimension(), 256),
}));

/** The quantiser that contrastive pre-training compares with, over features `source` wide, and the sizes of its projections. */
export function quantizerOf(raw: RawConfig, context: Context, classes: string, source: number) {
  const config = readQuantizer(raw, context);
  const { codevector_dim: code, num_codevector_groups: groups, proj_codevector_dim } = config;
  if (code % groups !== 0) {
    const field = within(context.path, "num_codevector_groups");
    throw new InputError(
      "inconsistent",
      `${field} is ${groups}, which does not divide ${within(context.path, "codevector_dim")} ${code}: correct one of them in the config.`,
      field,
    );
  }
  const quantizer = gumbelQuantizer(classes, {
    source,
    groups,
    perGroup: config.num_codevectors_per_group,
    width: code,
  });
  return { quantizer, code, projected: proj_codevector_dim };
}

/** Contrastive pre-training: quantised features and hidden states are projected to a common width. */
export function contrastive(
  raw: RawConfig,
  context: Context,
  classes: string,
  body: SpeechBody,
): PreTraining {
  const channels = body.convolutions?.dims.at(-1) ?? 1;
  const { quantizer, code, projected } = quantizerOf(raw, context, classes, channels);
  return {
    parts: [
      quantizer,
      linear("project_hid", body.width, projected),
      linear("project_q", code, projected),
    ],
  };
}

const HABITS = { classes: "Wav2Vec2", bottlenecks: true, adapters: true };

/** wav2vec 2.0, XLS-R and MMS. Source: transformers 5.18, `models/wav2vec2/modeling_wav2vec2.py`. */
export const wav2vec2 = speechEncoderFamily({
  name: "wav2vec2",
  classes: "Wav2Vec2",
  base: "wav2vec2",
  purpose: "speech representations and CTC transcription",
  tasks: [
    "Model",
    "ForPreTraining",
    "ForCTC",
    "ForSequenceClassification",
    "ForAudioFrameClassification",
    "ForXVector",
  ],
  vocab: 32,
  body: (raw, context) => wav2vec2Body(raw, context, HABITS),
  pretraining: (raw, context, body) => contrastive(raw, context, "Wav2Vec2", body),
});
