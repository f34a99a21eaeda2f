import type { AudioGeometry, Step } from "../audio/geometry.ts";
import { sampleGeometry } from "../audio/sample-geometry.ts";
import { labelCount } from "../config/labels.ts";
import { type RawConfig, within } from "../config/raw.ts";
import {
  count,
  decimal,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  reader,
  text,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import {
  ctcHead,
  frameHead,
  type SpeechTask,
  sequenceHead,
  xVectorHead,
} from "../towers/speech-heads.ts";
import type { SampleConvolutions } from "../towers/wav2vec2-features.ts";
import { type Module, module } from "../tree/module.ts";
import type { Tensor } from "../tree/tensor.ts";
import type { Context, Described, Family } from "./family.ts";

/** wav2vec 2.0's seven convolutions, which most of its descendants keep. */
export const SEVEN = {
  dims: [512, 512, 512, 512, 512, 512, 512],
  kernels: [10, 3, 3, 3, 3, 2, 2],
  strides: [5, 2, 2, 2, 2, 2, 2],
};

/** Fields that the configs of all these encoders share, with their defaults (transformers 5.18). */
export const speechFields = (convolutions: typeof SEVEN = SEVEN) => ({
  hidden_size: or(dimension(), 768),
  num_hidden_layers: or(count(), 12),
  num_attention_heads: or(dimension(), 12),
  intermediate_size: or(dimension(), 3072),
  hidden_dropout: or(decimal(), 0.1),
  activation_dropout: or(decimal(), 0.1),
  attention_dropout: or(decimal(), 0.1),
  conv_dim: or(list(dimension()), convolutions.dims),
  conv_kernel: or(list(dimension()), convolutions.kernels),
  conv_stride: or(list(integer(1, 1_000_000)), convolutions.strides),
  conv_bias: or(flag(), false),
  feat_extract_norm: or(text(), "group"),
  num_conv_pos_embeddings: or(dimension(), 128),
  num_conv_pos_embedding_groups: or(dimension(), 16),
});

const readMasking = reader(() => ({
  mask_time_prob: or(decimal(), 0.05),
  mask_feature_prob: or(decimal(), 0),
}));

/** The vector that stands for masked time steps exists only where a config masks some (SpecAugment). */
export function maskVector(raw: RawConfig, context: Context, width: number): Tensor[] {
  const { mask_time_prob, mask_feature_prob } = readMasking(raw, context);
  return mask_time_prob > 0 || mask_feature_prob > 0
    ? [{ name: "masked_spec_embed", shape: [width] }]
    : [];
}

/** The encoder of one family, without a task's head. */
export interface SpeechBody {
  readonly children: readonly (Module | undefined)[];
  readonly tensors: readonly Tensor[];
  /** Over raw samples; an encoder over mel frames states its whole geometry instead. */
  readonly convolutions?: SampleConvolutions;
  readonly audio?: AudioGeometry;
  readonly width: number;
  readonly layers: number;
  /** Set where the output is shortened and perhaps of another width (`add_adapter`). */
  readonly adapted?: number;
  /** Steps between the convolutions and the transformer. */
  readonly after?: readonly Step[];
}

export interface PreTraining {
  readonly parts: readonly Module[];
  readonly tensors?: readonly Tensor[];
}

interface SpeechEncoderKind {
  readonly name: string;
  /** Prefix of the class names: "Wav2Vec2". */
  readonly classes: string;
  /** Name of the encoder inside a model with a head: "wav2vec2". */
  readonly base: string;
  readonly purpose: string;
  /** The first one is taken where a config names none. */
  readonly tasks: readonly SpeechTask[];
  body(raw: RawConfig, context: Context): SpeechBody;
  pretraining?(raw: RawConfig, context: Context, body: SpeechBody): PreTraining;
  /** CTC's alphabet where the config states none. */
  readonly vocab?: number;
  /** Width before the classification where the config states none. */
  readonly classifier?: number;
}

const readVocab = reader(() => ({ vocab_size: maybe(dimension()) }));
const readClassifier = reader(() => ({ classifier_proj_size: maybe(dimension()) }));
/** Where neither the config nor the family says otherwise. */
const CLASSIFIER_WIDTH = 256;
const readWeighting = reader(() => ({ use_weighted_layer_sum: or(flag(), false) }));
const readXVector = reader(() => ({
  tdnn_dim: or(list(dimension()), [512, 512, 512, 512, 1500]),
  tdnn_kernel: or(list(dimension()), [5, 3, 3, 1, 1]),
  xvector_output_dim: or(dimension(), 512),
}));

/** An encoder over raw samples with one of the usual heads: no decoder, no cache, the whole recording at once. */
export function speechEncoderFamily(kind: SpeechEncoderKind): Family {
  const { classes, base } = kind;
  return {
    name: kind.name,
    modelTypes: [kind.name],
    architectures: kind.tasks.map((task) => `${classes}${task}`),
    purpose: kind.purpose,
    describe(raw, context): Described {
      const body = kind.body(raw, context);
      const task = context.architecture.slice(classes.length) as SpeechTask;
      const encoder = module(`${classes}Model`, task === "Model" ? "" : base, body.children, {
        component: "audio_encoder",
        tensors: body.tensors,
      });
      const { parts, tensors = [] } = headOf(kind, task, raw, context, body);
      return {
        type: "encoder-only",
        root:
          task === "Model"
            ? encoder
            : module(context.architecture, "", [encoder, ...parts], {
                component: "audio_encoder",
                tensors,
              }),
        audio:
          body.audio ??
          (body.convolutions &&
            sampleGeometry(body.convolutions.kernels, body.convolutions.strides, body.after)),
        context: { max: undefined, hard: false, preset: 0, prompt: undefined },
      };
    },
  };
}

function headOf(
  kind: SpeechEncoderKind,
  task: SpeechTask,
  raw: RawConfig,
  context: Context,
  body: SpeechBody,
): PreTraining {
  const { width, adapted } = body;
  switch (task) {
    case "Model":
      return { parts: [] };
    case "ForPreTraining":
      return kind.pretraining?.(raw, context, body) ?? { parts: [] };
    case "ForCTC":
      return { parts: [ctcHead("lm_head", adapted ?? width, vocabOf(kind, raw, context))] };
    case "ForSequenceClassification": {
      unadapted(context, body);
      const { classifier_proj_size } = readClassifier(raw, context);
      return {
        parts: sequenceHead(
          width,
          classifier_proj_size ?? kind.classifier ?? CLASSIFIER_WIDTH,
          labelCount(raw, context),
        ),
        tensors: weighting(raw, context, body),
      };
    }
    case "ForAudioFrameClassification":
      unadapted(context, body);
      return {
        parts: frameHead(width, labelCount(raw, context)),
        tensors: weighting(raw, context, body),
      };
    case "ForXVector":
      return {
        parts: xVector(raw, context, width),
        tensors: weighting(raw, context, body),
      };
    default:
      return task satisfies never;
  }
}

function vocabOf(kind: SpeechEncoderKind, raw: RawConfig, context: Context): number {
  const vocab = readVocab(raw, context).vocab_size ?? kind.vocab;
  if (vocab !== undefined) return vocab;
  const field = within(context.path, "vocab_size");
  throw new InputError(
    "missing-field",
    `${field} is missing and has no default (it must be the size of the CTC alphabet): add it to the config.`,
    field,
  );
}

/** The reference refuses these heads after a length adapter. */
function unadapted(context: Context, { adapted }: SpeechBody): void {
  if (adapted === undefined) return;
  const field = within(context.path, "add_adapter");
  throw new InputError(
    "inconsistent",
    `${field} is true, which ${context.architecture} does not support: correct it or the architecture in the config.`,
    field,
  );
}

/** One weight for the embedding and each layer (`use_weighted_layer_sum`). */
function weighting(raw: RawConfig, context: Context, { layers }: SpeechBody): Tensor[] {
  const { use_weighted_layer_sum } = readWeighting(raw, context);
  return use_weighted_layer_sum ? [{ name: "layer_weights", shape: [layers + 1] }] : [];
}

function xVector(raw: RawConfig, context: Context, width: number): Module[] {
  const { tdnn_dim, tdnn_kernel, xvector_output_dim } = readXVector(raw, context);
  if (tdnn_dim.length === 0 || tdnn_kernel.length < tdnn_dim.length) {
    const field = within(context.path, "tdnn_kernel");
    throw new InputError(
      "inconsistent",
      `${field} has ${tdnn_kernel.length} entries, but must have one for each of the ${tdnn_dim.length} (at least one) in ${within(context.path, "tdnn_dim")}: correct them in the config.`,
      field,
    );
  }
  return xVectorHead({
    width,
    dims: tdnn_dim,
    kernels: tdnn_kernel,
    outputs: xvector_output_dim,
    labels: labelCount(raw, context),
  });
}
