import type { AudioGeometry } from "../audio/geometry.ts";
import { sampleGeometry } from "../audio/sample-geometry.ts";
import { type RawConfig, section } from "../config/raw.ts";
import { count, decimal, dimension, flag, maybe, or, positions, reader } from "../config/schema.ts";
import { conv1d } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import {
  type MoonshineSizes,
  moonshineDecoder,
  moonshineEncoderLayer,
} from "../towers/moonshine.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { FeatureMap } from "../tree/op.ts";
import type { Context, Family } from "./family.ts";

/** MoonshineConfig's fields and defaults (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 32_768),
  hidden_size: or(dimension(), 288),
  intermediate_size: or(dimension(), 1152),
  encoder_num_hidden_layers: or(count(), 6),
  decoder_num_hidden_layers: or(count(), 6),
  encoder_num_attention_heads: or(dimension(), 8),
  encoder_num_key_value_heads: maybe(dimension()),
  max_position_embeddings: or(positions(), 512),
  attention_bias: or(flag(), false),
  tie_word_embeddings: or(flag(), true),
  head_dim: maybe(dimension()),
  pad_head_dim_to_multiple_of: maybe(dimension()),
  partial_rotary_factor: or(decimal(), 0.9),
}));
const readRope = reader(() => ({ partial_rotary_factor: maybe(decimal()) }));

/** The encoder's three convolutions over raw samples, fixed in the reference (Jeffries et al. 2024). */
const KERNELS = [127, 7, 3];
const STRIDES = [64, 3, 2];

/** Each convolution with its activation; the second one runs while its normed input is still referenced. */
function convolutionMoments(width: number): readonly (readonly FeatureMap[])[] {
  const map = (label: string, after: number, channels: number): FeatureMap => ({
    label,
    steps: STRIDES.slice(0, after).map((stride, i) => ({
      kind: "conv",
      kernel: KERNELS[i] ?? 1,
      stride,
    })),
    width: channels,
  });
  return [
    [map("convolution", 1, width), map("its norm", 1, width)],
    [
      map("normed input", 1, width),
      map("convolution", 2, 2 * width),
      map("activation", 2, 2 * width),
    ],
  ];
}

/** The decoder starts from one token. */
const START = 1;

/** Width of a head that turns with the position: the rotary section's share of it, or `preset`. */
export function rotated(raw: RawConfig, context: Context, headDim: number, preset: number): number {
  const key = section(raw, "rope_scaling", context.path) ? "rope_scaling" : "rope_parameters";
  const rope = section(raw, key, context.path);
  const stated = rope && readRope(rope, context.inside(key)).partial_rotary_factor;
  return Math.floor(headDim * (stated ?? preset));
}

/** The head, whether it shares the decoder's token table or not. */
export const moonshineHead = (width: number, vocab: number, tied: boolean): Module => ({
  ...linear("proj_out", width, vocab, {
    bias: false,
    component: tied ? "embeddings" : "lm_head",
    divide: { by: "columns" },
    ...(tied && { tiedTo: "model.decoder.embed_tokens.weight" }),
  }),
  op: { kind: "head", vocab, positions: "all" },
});

/** What both generations return, with the bare model as one of their architectures. */
export function moonshineWhole(
  classes: string,
  context: Context,
  encoder: Module,
  decoder: Module,
  head: Module,
  audio: AudioGeometry,
  reach: number,
  hard: boolean,
) {
  const bare = context.architecture === `${classes}Model`;
  const model = module(`${classes}Model`, bare ? "" : "model", [encoder, decoder]);
  return {
    type: "encoder-decoder" as const,
    root: bare ? model : module(context.architecture, "", [model, head]),
    audio,
    context: { max: reach, hard, preset: reach, prompt: START },
  };
}

/** Moonshine (Jeffries et al. 2024). Source: transformers 5.18, `models/moonshine/modeling_moonshine.py`. */
export const moonshine: Family = {
  name: "moonshine",
  modelTypes: ["moonshine"],
  architectures: ["MoonshineForConditionalGeneration", "MoonshineModel"],
  purpose: "speech recognition on small devices",
  describe(raw, context) {
    const config = read(raw, context);
    const { hidden_size: width, intermediate_size: inner, vocab_size: vocab } = config;
    // The class hands the encoder's head counts on to the decoder, whatever the config says for it.
    const heads = config.encoder_num_attention_heads;
    const kvHeads = config.encoder_num_key_value_heads ?? heads;
    evenHeads(heads, kvHeads, "encoder_num_attention_heads", "encoder_num_key_value_heads");
    const headDim = config.head_dim ?? Math.floor(width / heads);
    const pad = config.pad_head_dim_to_multiple_of;
    const sizes: MoonshineSizes = {
      classes: "Moonshine",
      width,
      inner,
      heads,
      kvHeads,
      headDim,
      bias: config.attention_bias,
      ...(pad !== undefined && { paddedDim: Math.ceil(headDim / pad) * pad }),
    };
    const turned = rotated(raw, context, headDim, config.partial_rotary_factor);
    const table = () => rotary("rotary_emb", "MoonshineRotaryEmbedding", 2 * Math.ceil(turned / 2));
    const encoder = module(
      "MoonshineEncoder",
      "encoder",
      [
        conv1d("conv1", 1, width, KERNELS[0] ?? 1, { bias: false }),
        conv1d("conv2", width, 2 * width, KERNELS[1] ?? 1),
        conv1d("conv3", 2 * width, width, KERNELS[2] ?? 1),
        layerNorm("groupnorm", width, { class: "GroupNorm" }),
        stack(upTo(config.encoder_num_hidden_layers), moonshineEncoderLayer(sizes)),
        layerNorm("layer_norm", width, { bias: false }),
        table(),
      ],
      {
        component: "audio_encoder",
        op: {
          kind: "tower",
          side: "encoder",
          width,
          rotary: turned,
          held: 0,
          entry: {
            kind: "conv-front-end",
            bins: 1,
            width,
            strides: STRIDES,
            widths: [width, 2 * width, width],
            moments: convolutionMoments(width),
          },
        },
      },
    );
    const decoder = moonshineDecoder(sizes, {
      vocab,
      layers: config.decoder_num_hidden_layers,
      rotary: turned,
      tables: [table()],
    });
    return moonshineWhole(
      "Moonshine",
      context,
      encoder,
      decoder,
      moonshineHead(width, vocab, config.tie_word_embeddings),
      sampleGeometry(KERNELS, STRIDES),
      config.max_position_embeddings,
      false,
    );
  },
};
