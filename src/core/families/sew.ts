import { type RawConfig, within } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  reader,
  text,
} from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { disentangledEncoder } from "../towers/disentangled.ts";
import {
  evenGroups,
  positionalConv,
  type SpeechEncoderSizes,
  speechLayers,
} from "../towers/wav2vec2.ts";
import {
  convolutionEntry,
  featureEncoder,
  sampleConvolutions,
} from "../towers/wav2vec2-features.ts";
import { evenHeads } from "../towers/whisper.ts";
import { type Module, module } from "../tree/module.ts";
import type { ConvFrontEnd } from "../tree/op.ts";
import type { Context } from "./family.ts";
import {
  maskVector,
  type SpeechBody,
  speechEncoderFamily,
  speechFields,
} from "./speech-encoder.ts";

const THIRTEEN = {
  dims: [64, 128, 128, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512],
  kernels: [10, 3, 1, 3, 1, 3, 1, 3, 1, 2, 1, 2, 1],
  strides: [5, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1],
};

/** SEWConfig's fields, which SEWDConfig shares (transformers 5.18). */
const read = reader(() => ({
  ...speechFields(THIRTEEN),
  squeeze_factor: or(integer(1, 1_000_000), 2),
}));

interface Squeezed {
  readonly sizes: SpeechEncoderSizes;
  /** Tower and positional convolution over a sequence that is `squeeze_factor` times shorter; upsampled afterwards. */
  readonly positions: Module;
  readonly upsample: Module;
  readonly entry: ConvFrontEnd;
}

/** What both have around their encoders (Wu et al. 2021, section 4). */
function squeezedBody(
  raw: RawConfig,
  context: Context,
  classes: string,
  encoder: (parts: Squeezed) => Module,
): SpeechBody {
  const config = read(raw, context);
  const field = (name: string) => within(context.path, name);
  const { hidden_size: width, num_attention_heads: heads, num_hidden_layers: layers } = config;
  const groups = config.num_conv_pos_embedding_groups;
  evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
  evenGroups(width, groups, field);
  const convolutions = sampleConvolutions(config, field);
  const channels = convolutions.dims.at(-1) ?? 1;
  const factor = config.squeeze_factor;
  return {
    children: [
      featureEncoder(classes, "feature_extractor", convolutions),
      layerNorm("layer_norm", channels),
      channels === width ? undefined : linear("feature_projection", channels, width),
      encoder({
        sizes: { width, inner: config.intermediate_size, layers, heads },
        positions: positionalConv(classes, {
          width,
          kernel: config.num_conv_pos_embeddings,
          groups,
        }),
        upsample: module(`${classes}Upsampling`, "upsample", [
          linear("projection", width, width * factor),
        ]),
        entry: convolutionEntry(convolutions, {
          width,
          kernel: config.num_conv_pos_embeddings,
          groups,
          squeeze: factor,
        }),
      }),
    ],
    tensors: maskVector(raw, context, width),
    convolutions,
    width,
    layers,
    after: [{ kind: "floor", by: factor }],
  };
}

/** SEW (Wu et al. 2021). Source: transformers 5.18, `models/sew/modeling_sew.py`. */
export const sew = speechEncoderFamily({
  name: "sew",
  classes: "SEW",
  base: "sew",
  purpose: "speech representations and CTC transcription",
  tasks: ["Model", "ForCTC", "ForSequenceClassification"],
  vocab: 32,
  body: (raw, context) =>
    squeezedBody(raw, context, "SEW", ({ sizes, positions, upsample, entry }) =>
      module(
        "SEWEncoder",
        "encoder",
        [
          positions,
          layerNorm("layer_norm", sizes.width),
          ...speechLayers("SEW", sizes, { stable: false }),
          upsample,
        ],
        { op: { kind: "tower", side: "encoder", width: sizes.width, entry } },
      ),
    ),
});

/** SEWDConfig; `conv_kernel_size` and `conv_groups` are no fields of it, but the class looks for them. */
const readDisentangled = reader(() => ({
  max_position_embeddings: or(dimension(), 512),
  max_relative_positions: or(integer(-1, 2 ** 31), -1),
  position_buckets: or(integer(-1, 2 ** 31), 256),
  share_att_key: or(flag(), true),
  relative_attention: or(flag(), true),
  pos_att_type: or(list(text()), ["p2c", "c2p"]),
  norm_rel_ebd: or(text(), "layer_norm"),
  conv_kernel_size: or(count(0), 0),
  conv_groups: maybe(dimension()),
}));

/** SEW-D: SEW with DeBERTa's disentangled attention (He et al. 2020). Source: `models/sew_d/modeling_sew_d.py`. */
export const sewD = speechEncoderFamily({
  name: "sew-d",
  classes: "SEWD",
  base: "sew_d",
  purpose: "speech representations and CTC transcription",
  tasks: ["Model", "ForCTC", "ForSequenceClassification"],
  vocab: 32,
  body: (raw, context) =>
    squeezedBody(raw, context, "SEWD", ({ sizes, positions, upsample, entry }) =>
      module("SEWDEncoder", "encoder", [
        positions,
        disentangledEncoder(readDisentangled(raw, context), {
          ...sizes,
          classes: "SEWD",
          class: "SEWDTransformerEncoder",
          entry,
        }),
        upsample,
      ]),
    ),
});
