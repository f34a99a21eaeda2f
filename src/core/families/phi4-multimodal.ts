import { SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { own } from "../config/raw.ts";
import {
  count,
  decimal,
  dimension,
  maybe,
  or,
  orNull,
  positions,
  reader,
} from "../config/schema.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { contextUpTo } from "../model.ts";
import { halvings, stridingSteps } from "../towers/depthwise-striding.ts";
import { lmHead } from "../towers/lm-head.ts";
import { phi4Conformer } from "../towers/phi4-conformer.ts";
import { phi4Layer } from "../towers/phi4-decoder.ts";
import { siglipVision } from "../towers/siglip.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { type Family, sectionOf } from "./family.ts";
import { type AudioConfig, lora, readAudio, remoteAudio } from "./phi4-config.ts";

/** Phi4MultimodalConfig (transformers 5.18); Phi4MMConfig has the same fields. */
const read = reader(() => ({
  ...decoderFields({
    vocab: 200064,
    width: 3072,
    inner: 8192,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 131072,
    tied: false,
  }),
  sliding_window: or(orNull(positions()), null),
  partial_rotary_factor: maybe(decimal()),
}));
const readRope = reader(() => ({ partial_rotary_factor: maybe(decimal()) }));
const readVision = reader(() => ({
  hidden_size: or(dimension(), 1152),
  intermediate_size: or(dimension(), 4304),
  num_hidden_layers: or(count(), 27),
  num_attention_heads: or(dimension(), 16),
  num_channels: or(dimension(), 3),
  image_size: or(dimension(), 448),
  patch_size: or(dimension(), 14),
}));

/**
 * Phi-4-multimodal: a conformer and SigLIP in front of Phi-4-mini. `phi4_multimodal` is transformers' own; `phi4mm` is
 * the remote code that was published first, whose checkpoint holds the speech and vision LoRA weights too.
 * Source: transformers 5.18, `models/phi4_multimodal`; microsoft/Phi-4-multimodal-instruct, `modeling_phi4mm.py`.
 */
export const phi4Multimodal: Family = {
  name: "phi4_multimodal",
  modelTypes: ["phi4_multimodal", "phi4mm"],
  architectures: ["Phi4MultimodalForCausalLM", "Phi4MMForCausalLM"],
  purpose: "chat about audio and images",
  describe(raw, context) {
    const config = read(raw, context);
    const remote = own(raw, "model_type") === "phi4mm";
    const sizes = decoderSizes(config, context);
    const { width, vocab, layers } = sizes;
    const audio = remote
      ? remoteAudio(raw, context)
      : readAudio(...sectionOf(raw, "audio_config", context));
    const vision = readVision(...sectionOf(raw, "vision_config", context));
    evenHeads(
      vision.hidden_size,
      vision.num_attention_heads,
      "vision_config.hidden_size",
      "vision_config.num_attention_heads",
    );
    evenHeads(
      audio.hidden_size,
      audio.num_attention_heads,
      "the audio encoder's hidden_size",
      "num_attention_heads",
    );
    halvings(audio.time_reduction, "time_reduction");
    const rope = readRope(...sectionOf(raw, "rope_parameters", context));
    const partial = rope.partial_rotary_factor ?? config.partial_rotary_factor ?? 1;
    const backbone = module(
      "Phi4MultimodalModel",
      "model",
      [
        embedding("embed_tokens", vocab, width, { component: "embeddings", divided: true }),
        stack(
          upTo(layers),
          phi4Layer({
            ...sizes,
            window: config.sliding_window,
            lora: remote
              ? { speech: lora(raw, "speech", context), vision: lora(raw, "vision", context) }
              : {},
          }),
        ),
        rmsNorm("norm", width, "Phi4MultimodalRMSNorm"),
        rotary("rotary_emb", "Phi4MultimodalRotaryEmbedding", Math.floor(sizes.headDim * partial)),
        module("Phi4MultimodalFeatureEmbedding", "embed_tokens_extend", [
          imageEmbedding(vision, width),
          audioEmbedding(audio, width),
        ]),
      ],
      {
        component: "text_model",
        op: { kind: "tower", side: "decoder", width, rotary: Math.floor(sizes.headDim * partial) },
      },
    );
    return {
      type: "multimodal",
      root: module(
        context.architecture,
        "",
        [
          backbone,
          lmHead({
            width,
            vocab,
            tiedTo: sizes.tied && "model.embed_tokens.weight",
            positions: "last",
          }),
        ],
        { op: { kind: "merge", checked: false, kept: false } },
      ),
      audio: {
        sampleRate: SAMPLE_RATE,
        bins: audio.input_size,
        // Frames of 25 ms every 10 ms without padding (`Phi4MultimodalFeatureExtractor`).
        framing: [{ kind: "conv", kernel: 400, stride: 160 }],
        encoding: stridingSteps(audio.time_reduction, 3, 2),
        pooling: [{ kind: "ceil", by: audio.downsample_rate }],
        // vLLM, phi4mm.py: _AUDIO_MAX_SOUNDFILE_SIZE samples.
        profiled: { seconds: 241_000 / SAMPLE_RATE },
      },
      vision: {
        sizing: {
          kind: "full-crops",
          side: vision.image_size,
          patch: vision.patch_size,
          mostCrops: MOST_CROPS,
        },
        pixelValues: vision.num_channels,
        assumed: `Images are cut into up to ${MOST_CROPS} crops, as the processor's dynamic_hd says.`,
      },
      context: contextUpTo(config.max_position_embeddings),
    };
  },
};

/** `models/phi4_multimodal/image_processing_phi4_multimodal.py`: `dynamic_hd`. */
const MOST_CROPS = 36;

function imageEmbedding(vision: ReturnType<typeof readVision>, width: number): Module {
  const own = vision.hidden_size;
  return module(
    "Phi4MultimodalImageEmbedding",
    "image_embed",
    [
      siglipVision({
        name: "img_processor",
        classes: "Phi4Multimodal",
        component: "vision_encoder",
        width: own,
        layers: vision.num_hidden_layers,
        heads: vision.num_attention_heads,
        inner: vision.intermediate_size,
        patch: vision.patch_size,
        imageSize: vision.image_size,
        channels: vision.num_channels,
        withHead: true,
        anySize: true,
      }),
      linear("img_projection_up", own, width, { component: "vision_projector" }),
      linear("img_projection_down", width, width, { component: "vision_projector" }),
    ],
    {
      component: "vision_encoder",
      tensors: [
        { name: "global_img_feature_extensor", shape: [1, 1, own] },
        { name: "sub_img_feature_extensor", shape: [1, 1, 1, own] },
      ],
    },
  );
}

function audioEmbedding(audio: AudioConfig, width: number): Module {
  return module(
    "Phi4MultimodalAudioEmbedding",
    "audio_embed",
    [
      phi4Conformer("encoder", {
        bins: audio.input_size,
        width: audio.hidden_size,
        layers: audio.num_blocks,
        heads: audio.num_attention_heads,
        inner: audio.intermediate_size,
        kernel: audio.kernel_size,
        pointwiseOut: audio.ext_pw_out_channel,
        separableOut: audio.depthwise_separable_out_channel,
        multiplier: audio.depthwise_multiplier,
        stemChannels: audio.nemo_conv_channels,
        timeReduction: audio.time_reduction,
        distances: audio.bias_max_distance * (audio.bias_symmetric ? 1 : 2),
      }),
      ...["speech", "vision_speech"].flatMap((mode) => [
        linear(`up_proj_for_${mode}`, audio.hidden_size * audio.downsample_rate, width),
        linear(`down_proj_for_${mode}`, width, width),
      ]),
    ],
    { component: "audio_projector", op: { kind: "projector", widths: [width, width] } },
  );
}
