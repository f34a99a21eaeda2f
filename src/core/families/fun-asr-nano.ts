import { HOP, SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { layered } from "../config/layered.ts";
import { section } from "../config/raw.ts";
import { count, dimension, flag, integer, or, positions, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { conv1d } from "../layers/conv.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { projector } from "../layers/projector.ts";
import { sinusoids } from "../layers/sinusoids.ts";
import { evenHeads } from "../towers/whisper.ts";
import { those, upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { audioLlm, textPart } from "./audio-llm.ts";
import { type Family, sectionOf } from "./family.ts";

/** FunAsrNanoEncoderConfig (transformers 5.18). */
const readEncoder = reader(() => ({
  num_mel_bins: or(dimension(), 80),
  hidden_size: or(dimension(), 512),
  num_attention_heads: or(dimension(), 4),
  intermediate_size: or(dimension(), 2048),
  num_hidden_layers: or(count(), 70),
  max_position_embeddings: or(positions(), 2049),
  num_stacked_frames: or(integer(1, 10_000), 7),
  num_timestamp_prediction_layers: or(count(0), 20),
  fsmn_kernel_size: or(integer(1, 100_000), 11),
}));

/** FunAsrNanoAdaptorConfig. */
const readAdaptor = reader(() => ({
  hidden_size: or(dimension(), 1024),
  num_attention_heads: or(dimension(), 8),
  intermediate_size: or(dimension(), 256),
  num_hidden_layers: or(count(0), 2),
  projector_hidden_size: or(dimension(), 2048),
}));

/** FunAsrNanoConfig. */
const read = reader(() => ({ tie_word_embeddings: or(flag(), true) }));

/** FunAsrNanoConfig builds this where there is no `text_config` at all. */
const TEXT = {
  hidden_size: 1024,
  intermediate_size: 3072,
  num_hidden_layers: 28,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  max_position_embeddings: 40960,
};

/** FunAsrNanoFeatureExtractor: Kaldi frames of 25 ms, of which every sixth starts a stack. */
const FRAME = 400;
const STRIDE = 6;

/**
 * Fun-ASR-Nano: SenseVoice's encoder, where a convolution over the values runs beside attention, an adaptor, and Qwen3.
 * Source: `models/fun_asr_nano/modeling_fun_asr_nano.py`.
 */
export const funAsrNano: Family = {
  name: "fun_asr_nano",
  modelTypes: ["fun_asr_nano"],
  architectures: ["FunAsrNanoForConditionalGeneration"],
  purpose: "speech recognition",
  describe(raw, context) {
    const config = read(raw, context);
    const audio = readEncoder(...sectionOf(raw, "audio_config", context));
    const text = textPart(raw, context, { type: "qwen3", absent: TEXT });
    const [adaptorRaw, adaptorContext] = sectionOf(raw, "adaptor_config", context);
    const presets = section(raw, "adaptor_config", context.path)
      ? {}
      : { hidden_size: text.width, intermediate_size: Math.floor(text.width / 4) };
    const adaptor = readAdaptor(layered(adaptorRaw, adaptorContext, { presets }), adaptorContext);
    const widths = [
      ["audio_config", audio],
      ["adaptor_config", adaptor],
    ] as const;
    for (const [at, { hidden_size, num_attention_heads }] of widths)
      evenHeads(hidden_size, num_attention_heads, `${at}.hidden_size`, `${at}.num_attention_heads`);
    if (adaptor.hidden_size !== text.width) {
      throw new InputError(
        "inconsistent",
        `adaptor_config.hidden_size is ${adaptor.hidden_size}, but text_config.hidden_size is ${text.width}: make them equal in the config.`,
        "adaptor_config.hidden_size",
      );
    }
    return audioLlm(raw, context, {
      class: "FunAsrNanoModel",
      children: [tower(audio), text.backbone, adaptorOf(adaptor, audio.hidden_size)],
      text,
      tied: config.tie_word_embeddings,
      audio: {
        sampleRate: SAMPLE_RATE,
        bins: audio.num_mel_bins,
        framing: [{ kind: "conv", kernel: FRAME, stride: HOP }],
        encoding: [{ kind: "ceil", by: STRIDE }],
        pooling: [],
        // Positions are counted from one.
        maxPositions: Math.max(1, audio.max_position_embeddings - 1),
      },
    });
  },
};

interface LayerSizes {
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
}

function layerOf(
  sizes: LayerSizes,
  options: { readonly input?: number; readonly kernel?: number; readonly closed?: boolean } = {},
): Module {
  const { hidden_size: width, num_attention_heads: heads } = sizes;
  const { input = width, kernel } = options;
  return module(
    "FunAsrNanoEncoderLayer",
    "layers",
    [
      attention("FunAsrNanoAttention", "self_attn", {
        width: input,
        outputs: width,
        heads,
        headDim: width / heads,
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "o_proj"],
        ],
        extra:
          kernel === undefined
            ? []
            : [
                module("FunAsrNanoFSMN", "fsmn", [
                  conv1d("conv", width, width, kernel, { bias: false, groups: width }),
                ]),
              ],
        span: { kind: "full" },
        scores: "scaled-copy",
        cached: false,
      }),
      plainFeedForward("FunAsrNanoMLP", "mlp", width, sizes.intermediate_size),
      layerNorm("input_layernorm", input),
      layerNorm("post_attention_layernorm", width),
      ...(options.closed ? [layerNorm("final_layernorm", width)] : []),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
}

/** The first layer widens stacked frames; the last of each of the two parts normalizes its output. */
function tower(config: ReturnType<typeof readEncoder>): Module {
  const { num_hidden_layers: layers, hidden_size: width, fsmn_kernel_size: kernel } = config;
  const stacked = config.num_mel_bins * config.num_stacked_frames;
  const closed = (index: number) =>
    index === layers - 1 || index === layers - config.num_timestamp_prediction_layers - 1;
  return module(
    "FunAsrNanoEncoder",
    "audio_tower",
    [
      sinusoids(
        "position_embeddings",
        "FunAsrNanoPositionEmbedding",
        config.max_position_embeddings,
        stacked,
      ),
      stack(upTo(1), layerOf(config, { input: stacked, kernel, closed: closed(0) })),
      stack(
        those(layers, (index) => index > 0 && !closed(index)),
        layerOf(config, { kernel }),
      ),
      stack(
        those(layers, (index) => index > 0 && closed(index)),
        layerOf(config, { kernel, closed: true }),
      ),
    ],
    { component: "audio_encoder", op: { kind: "tower", side: "encoder", width } },
  );
}

function adaptorOf(config: ReturnType<typeof readAdaptor>, input: number): Module {
  const matrices = projector("FunAsrNanoMultiModalProjector", "multi_modal_projector", input, [
    config.projector_hidden_size,
    config.hidden_size,
  ]);
  const layers = stack(upTo(config.num_hidden_layers), layerOf(config));
  return {
    ...matrices,
    // Layers of its own run after the matrices.
    ...(layers && { op: { kind: "tower", side: "encoder", width: config.hidden_size } }),
    children: [...matrices.children, ...(layers ? [layers] : [])],
  };
}
