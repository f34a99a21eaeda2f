import {
  count,
  dimension,
  flag,
  integer,
  list,
  MAX_DIMENSION,
  or,
  reader,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { layerNorm } from "../layers/norm.ts";
import { weightNormed } from "../layers/weight-norm-conv.ts";
import { hifiGan } from "../towers/hifigan.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Family } from "./family.ts";

/** VitsConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 38),
  hidden_size: or(dimension(), 192),
  num_hidden_layers: or(count(), 6),
  num_attention_heads: or(dimension(), 2),
  window_size: or(integer(0, MAX_DIMENSION), 4),
  use_bias: or(flag(), true),
  ffn_dim: or(dimension(), 768),
  ffn_kernel_size: or(dimension(), 3),
  flow_size: or(dimension(), 192),
  spectrogram_bins: or(dimension(), 513),
  use_stochastic_duration_prediction: or(flag(), true),
  num_speakers: or(count(), 1),
  speaker_embedding_size: or(integer(0, MAX_DIMENSION), 0),
  upsample_initial_channel: or(dimension(), 512),
  upsample_rates: or(list(dimension()), [8, 8, 2, 2]),
  upsample_kernel_sizes: or(list(dimension()), [16, 16, 4, 4]),
  resblock_kernel_sizes: or(list(dimension()), [3, 7, 11]),
  resblock_dilation_sizes: or(list(list(dimension())), [
    [1, 3, 5],
    [1, 3, 5],
    [1, 3, 5],
  ]),
  depth_separable_channels: or(dimension(), 2),
  depth_separable_num_layers: or(count(), 3),
  duration_predictor_flow_bins: or(dimension(), 10),
  duration_predictor_kernel_size: or(dimension(), 3),
  duration_predictor_num_flows: or(count(0), 4),
  duration_predictor_filter_channels: or(dimension(), 256),
  prior_encoder_num_flows: or(count(0), 4),
  prior_encoder_num_wavenet_layers: or(count(), 4),
  posterior_encoder_num_wavenet_layers: or(count(), 16),
  wavenet_kernel_size: or(dimension(), 5),
}));
type Config = ReturnType<typeof read>;

const PROJECTIONS = [
  ["k", "k_proj"],
  ["v", "v_proj"],
  ["q", "q_proj"],
  ["o", "out_proj"],
] as const;

/** Post-norm layers whose attention has tables of relative positions and whose feed-forward convolves. */
function textEncoder(config: Config): Module {
  const { hidden_size: width, num_attention_heads: heads, ffn_kernel_size: kernel } = config;
  const headDim = width / heads;
  const relative = [1, 2 * config.window_size + 1, headDim];
  const layer = module("VitsEncoderLayer", "layers", [
    {
      ...attention("VitsAttention", "attention", {
        width,
        heads,
        bias: config.use_bias,
        names: PROJECTIONS,
        span: { kind: "full" },
        scores: "scaled-copy",
        cached: false,
      }),
      tensors:
        config.window_size > 0
          ? ["emb_rel_k", "emb_rel_v"].map((name) => ({ name, shape: relative }))
          : [],
    },
    layerNorm("layer_norm", width),
    module("VitsFeedForward", "feed_forward", [
      conv1d("conv_1", width, config.ffn_dim, kernel),
      conv1d("conv_2", config.ffn_dim, width, kernel),
    ]),
    layerNorm("final_layer_norm", width),
  ]);
  return module(
    "VitsTextEncoder",
    "text_encoder",
    [
      embedding("embed_tokens", config.vocab_size, width, { component: "embeddings" }),
      module("VitsEncoder", "encoder", [stack(upTo(config.num_hidden_layers), layer)]),
      conv1d("project", width, 2 * config.flow_size, 1),
    ],
    { component: "text_encoder" },
  );
}

/** Gated convolutions; each adds to what goes on and to what comes out, the last one only to the latter. */
function waveNet(config: Config, layers: number): Module {
  const { hidden_size: width, speaker_embedding_size: speaker } = config;
  const skip = (outputs: number) => weightNormed(conv1d("res_skip_layers", width, outputs, 1));
  const last = layers - 1;
  return module("VitsWaveNet", "wavenet", [
    stack(
      upTo(layers),
      weightNormed(conv1d("in_layers", width, 2 * width, config.wavenet_kernel_size)),
    ),
    stack(upTo(last), skip(2 * width)),
    stack([[last, last]], skip(width)),
    speaker > 0 ? weightNormed(conv1d("cond_layer", speaker, 2 * width * layers, 1)) : undefined,
  ]);
}

function depthSeparable(config: Config, name: string): Module {
  const { hidden_size: width, duration_predictor_kernel_size: kernel } = config;
  const each = (layer: Module) => stack(upTo(config.depth_separable_num_layers), layer);
  return module("VitsDilatedDepthSeparableConv", name, [
    each(conv1d("convs_dilated", width, width, kernel, { groups: width })),
    each(conv1d("convs_pointwise", width, width, 1)),
    each(layerNorm("norms_1", width)),
    each(layerNorm("norms_2", width)),
  ]);
}

function durationPredictor(config: Config): Module {
  const { hidden_size: width, speaker_embedding_size: speaker } = config;
  const cond = speaker > 0 ? conv1d("cond", speaker, width, 1) : undefined;
  if (!config.use_stochastic_duration_prediction) {
    const inner = config.duration_predictor_filter_channels;
    const kernel = config.duration_predictor_kernel_size;
    return module("VitsDurationPredictor", "duration_predictor", [
      conv1d("conv_1", width, inner, kernel),
      layerNorm("norm_1", inner),
      conv1d("conv_2", inner, inner, kernel),
      layerNorm("norm_2", inner),
      conv1d("proj", inner, 1, 1),
      cond,
    ]);
  }
  const channels = config.depth_separable_channels;
  const half = Math.floor(channels / 2);
  const flows = (name: string) => [
    stack(
      [[0, 0]],
      module("VitsElementwiseAffine", name, [], {
        tensors: ["translate", "log_scale"].map((own) => ({ name: own, shape: [channels, 1] })),
      }),
    ),
    config.duration_predictor_num_flows > 0
      ? stack(
          [[1, config.duration_predictor_num_flows]],
          module("VitsConvFlow", name, [
            conv1d("conv_pre", half, width, 1),
            depthSeparable(config, "conv_dds"),
            conv1d("conv_proj", width, half * (3 * config.duration_predictor_flow_bins - 1), 1),
          ]),
        )
      : undefined,
  ];
  return module("VitsStochasticDurationPredictor", "duration_predictor", [
    conv1d("conv_pre", width, width, 1),
    conv1d("conv_proj", width, width, 1),
    depthSeparable(config, "conv_dds"),
    cond,
    ...flows("flows"),
    conv1d("post_conv_pre", 1, width, 1),
    conv1d("post_conv_proj", width, width, 1),
    depthSeparable(config, "post_conv_dds"),
    ...flows("post_flows"),
  ]);
}

function vocoder(config: Config): Module {
  const { upsample_initial_channel: channels, speaker_embedding_size: speaker } = config;
  const { upsample_rates: rates, upsample_kernel_sizes: kernels } = config;
  if (rates.length !== kernels.length || rates.length === 0 || channels < 2 ** rates.length) {
    throw new InputError(
      "inconsistent",
      `upsample_kernel_sizes has ${kernels.length} entries and upsample_rates ${rates.length}, but they must be as many, one or more, and each halves the ${channels} channels of upsample_initial_channel: correct them in the config.`,
      "upsample_kernel_sizes",
    );
  }
  const dilations = config.resblock_dilation_sizes;
  return module(
    "VitsHifiGan",
    "decoder",
    [
      ...hifiGan({
        inputs: config.flow_size,
        channels,
        upsamplings: kernels,
        blocks: config.resblock_kernel_sizes
          .slice(0, dilations.length)
          .map((kernel, i) => ({ kernel, dilations: dilations[i]?.length ?? 0 })),
        lastBias: false,
      }),
      speaker > 0 ? conv1d("cond", speaker, channels, 1) : undefined,
    ],
    { component: "vocoder" },
  );
}

/**
 * VITS (Kim et al. 2021), as in MMS-TTS: text to samples in one pass, nothing generated step by step. The posterior
 * encoder only trains, but is loaded. Source: `models/vits/modeling_vits.py`.
 */
export const vits: Family = {
  name: "vits",
  modelTypes: ["vits"],
  architectures: ["VitsModel"],
  purpose: "speech synthesis",
  describe(raw, context) {
    const config = read(raw, context);
    const { hidden_size: width, flow_size: flow } = config;
    evenHeads(width, config.num_attention_heads, "hidden_size", "num_attention_heads");
    const half = Math.floor(flow / 2);
    const coupling = module("VitsResidualCouplingLayer", "flows", [
      conv1d("conv_pre", half, width, 1),
      waveNet(config, config.prior_encoder_num_wavenet_layers),
      conv1d("conv_post", width, half, 1),
    ]);
    const speakers = embedding("embed_speaker", config.num_speakers, config.speaker_embedding_size);
    const posterior = [
      conv1d("conv_pre", config.spectrogram_bins, width, 1),
      waveNet(config, config.posterior_encoder_num_wavenet_layers),
      conv1d("conv_proj", width, 2 * flow, 1),
    ];
    return {
      type: "text-to-speech",
      root: module("VitsModel", "", [
        textEncoder(config),
        module(
          "VitsResidualCouplingBlock",
          "flow",
          [stack(upTo(config.prior_encoder_num_flows), coupling)],
          { component: "decoder" },
        ),
        vocoder(config),
        { ...durationPredictor(config), component: "decoder" },
        config.num_speakers > 1 ? { ...speakers, component: "embeddings" } : undefined,
        module("VitsPosteriorEncoder", "posterior_encoder", posterior, { component: "encoder" }),
      ]),
      audio: undefined,
      context: { max: undefined, hard: false, preset: 0, prompt: undefined },
    };
  },
};
