import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { feedForwardPair } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { hifiGan } from "../towers/hifigan.ts";
import { lmHead } from "../towers/lm-head.ts";
import { type Seq2SeqLayer, seq2seqLayer, sinusoids } from "../towers/seq2seq-layer.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { SeamlessConfig } from "./seamless-config.ts";

interface Stack {
  readonly layers: number;
  readonly inner: number;
  readonly heads: number;
}

function layerOf(
  config: SeamlessConfig,
  side: "encoder" | "decoder",
  { inner, heads }: Stack,
  own: Partial<Seq2SeqLayer> = {},
  kind = side === "decoder" ? "Decoder" : "Encoder",
): Module {
  const width = config.hidden_size;
  const decodes = side === "decoder";
  return seq2seqLayer(`${config.classes}${kind}Layer`, `${config.classes}Attention`, {
    width,
    heads,
    span: { kind: decodes ? "causal" : "full" },
    cross: decodes,
    crossName: "cross_attention",
    feedForward: [
      module(`${config.classes}FeedForwardNetwork`, "ffn", feedForwardPair(width, inner), {
        op: { kind: "feed-forward", width, inner, gated: false },
      }),
    ],
    run: "ffn",
    finalNorm: "ffn_layer_norm",
    norms: "before",
    ...own,
  });
}

const positionsOf = (config: SeamlessConfig, name: string, positions: number): Module =>
  sinusoids(`${config.classes}SinusoidalPositionalEmbedding`, name, positions, config.hidden_size);

/** The text encoder or decoder; its token table is the shared one where `tiedTo` says so. */
export function seamlessText(
  config: SeamlessConfig,
  side: "encoder" | "decoder",
  tiedTo: string | undefined,
): Module {
  const width = config.hidden_size;
  const sizes = {
    layers: config[`${side}_layers`],
    inner: config[`${side}_ffn_dim`],
    heads: config[`${side}_attention_heads`],
  };
  const table = embedding("embed_tokens", config.vocab_size, width, {
    class: `${config.classes}ScaledWordEmbedding`,
    component: "embeddings",
    divided: true,
  });
  return module(
    `${config.classes}${side === "encoder" ? "Encoder" : "Decoder"}`,
    `text_${side}`,
    [
      tiedTo === undefined
        ? table
        : { ...table, tensors: table.tensors.map((tensor) => ({ ...tensor, tiedTo })) },
      positionsOf(config, "embed_positions", config.max_position_embeddings),
      stack(upTo(sizes.layers), layerOf(config, side, sizes)),
      layerNorm("layer_norm", width),
    ],
    {
      component: `text_${side}`,
      op: {
        kind: "tower",
        side,
        width,
        // Sinusoids of every sequence's own positions.
        positions: "each",
        ...(side === "encoder" && { reads: "text" }),
      },
    },
  );
}

/** From the text decoder's hidden states to discrete units: token by token in version 1, all at once in version 2. */
export function textToUnit(config: SeamlessConfig): Module {
  const { classes, hidden_size: width } = config;
  const encoder = {
    layers: config.t2u_encoder_layers,
    inner: config.t2u_encoder_ffn_dim,
    heads: config.t2u_encoder_attention_heads,
  };
  return module(
    `${classes}TextToUnitForConditionalGeneration`,
    "t2u_model",
    [
      module(`${classes}TextToUnitModel`, "model", [
        module(`${classes}Encoder`, "encoder", [
          stack(upTo(encoder.layers), layerOf(config, "encoder", encoder)),
          layerNorm("layer_norm", width),
        ]),
        unitDecoder(config),
      ]),
      {
        ...lmHead({
          width,
          vocab: config.t2u_vocab_size,
          positions: "all",
          tiedTo: config.tie_word_embeddings && "t2u_model.model.decoder.embed_tokens.weight",
        }),
        component: "t2u_model",
      },
    ],
    { component: "t2u_model" },
  );
}

/** Kernel of the two convolutions in place of version 2's feed-forward. */
const UNIT_KERNEL = 7;

function unitDecoder(config: SeamlessConfig): Module {
  const { classes, second, hidden_size: width } = config;
  const sizes = {
    layers: config.t2u_decoder_layers,
    inner: config.t2u_decoder_ffn_dim,
    heads: config.t2u_decoder_attention_heads,
  };
  const table = embedding("embed_tokens", config.t2u_vocab_size, width);
  const positions = (name: string) => positionsOf(config, name, config.t2u_max_position_embeddings);
  if (!second) {
    return module(`${classes}Decoder`, "decoder", [
      table,
      positions("embed_positions"),
      stack(upTo(sizes.layers), layerOf(config, "decoder", sizes)),
      layerNorm("layer_norm", width),
    ]);
  }
  const convolution = (name: string) => conv1d(name, width, width, UNIT_KERNEL);
  return module(
    `${classes}TextToUnitDecoder`,
    "decoder",
    [
      table,
      embedding("embed_char", config.char_vocab_size, width),
      positions("embed_char_positions"),
      variancePredictor(
        config,
        "duration_predictor",
        config.t2u_variance_predictor_embed_dim,
        config.t2u_variance_predictor_hidden_dim,
        config.t2u_variance_predictor_kernel_size,
      ),
      positions("embed_positions"),
      stack(
        upTo(sizes.layers),
        layerOf(
          config,
          "encoder",
          sizes,
          {
            feedForward: [convolution("conv1"), convolution("conv2")],
            run: { kind: "feed-forward", width, inner: width, gated: false },
            finalNorm: "conv_layer_norm",
          },
          "TextToUnitDecoder",
        ),
      ),
      layerNorm("layer_norm", width),
    ],
    {
      tensors: [
        { name: "pos_emb_alpha_char", shape: [1] },
        { name: "pos_emb_alpha", shape: [1] },
      ],
    },
  );
}

const variancePredictor = (
  config: SeamlessConfig,
  name: string,
  width: number,
  hidden: number,
  kernel: number,
): Module =>
  module(`${config.classes}VariancePredictor`, name, [
    conv1d("conv1", width, hidden, kernel),
    layerNorm("ln1", hidden),
    conv1d("conv2", hidden, hidden, kernel),
    layerNorm("ln2", hidden),
    linear("proj", hidden, 1),
  ]);

/** Units, language and speaker to samples: HiFi-GAN behind a duration predictor. */
export function seamlessVocoder(config: SeamlessConfig): Module {
  const {
    classes,
    unit_embed_dim: unit,
    spkr_embed_dim: speaker,
    lang_embed_dim: language,
  } = config;
  const upsamplings = config.upsample_rates.length;
  return module(
    `${classes}CodeHifiGan`,
    "vocoder",
    [
      variancePredictor(config, "dur_predictor", unit, unit, config.variance_predictor_kernel_size),
      embedding("unit_embedding", config.unit_hifi_gan_vocab_size, unit),
      embedding("speaker_embedding", config.vocoder_num_spkrs, speaker),
      embedding("language_embedding", config.vocoder_num_langs, language),
      module(
        `${classes}HifiGan`,
        "hifi_gan",
        hifiGan({
          inputs: unit + language + speaker,
          channels: config.upsample_initial_channel,
          upsamplings: config.upsample_kernel_sizes.slice(0, upsamplings),
          blocks: config.resblock_kernel_sizes.flatMap((kernel, i) => {
            const dilations = config.resblock_dilation_sizes[i];
            return dilations ? [{ kernel, dilations: dilations.length }] : [];
          }),
        }),
      ),
    ],
    { component: "vocoder" },
  );
}
