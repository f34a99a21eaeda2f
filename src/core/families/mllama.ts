import { type RawConfig, within } from "../config/raw.ts";
import { anything, count, dimension, integer, list, maybe, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { contextUpTo } from "../model.ts";
import { causalLm, type DecoderSizes, languageHead } from "../towers/causal-lm.ts";
import { mllamaVision } from "../towers/mllama-vision.ts";
import { evenHeads } from "../towers/whisper.ts";
import { those } from "../tree/indices.ts";
import { type Module, module } from "../tree/module.ts";
import type { VisionGeometry } from "../vision/geometry.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { type Context, type Family, sectionOf, statedDtype } from "./family.ts";

/** MllamaTextConfig (transformers 5.18). */
const readText = reader(() => ({
  ...decoderFields({
    vocab: 128256,
    width: 4096,
    inner: 14336,
    layers: 40,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 131072,
    tied: false,
  }),
  cross_attention_layers: or(list(integer(0, 100_000)), [3, 8, 13, 18, 23, 28, 33, 38]),
}));

/** MllamaVisionConfig. */
const readVision = reader(() => ({
  hidden_size: or(dimension(), 1280),
  num_hidden_layers: or(count(), 32),
  num_global_layers: or(count(0), 8),
  attention_heads: or(dimension(), 16),
  num_attention_heads: maybe(dimension()),
  num_channels: or(integer(1, 1024), 3),
  intermediate_size: or(dimension(), 5120),
  vision_output_dim: or(dimension(), 7680),
  image_size: or(integer(1, 65536), 448),
  patch_size: or(integer(1, 65536), 14),
  max_num_tiles: or(integer(1, 1024), 4),
  supported_aspect_ratios: maybe(list(anything())),
}));

/** Arrangements of up to four tiles. */
const DEFAULT_RATIOS = 8;

/** The token table holds this many entries more than the head, for images. */
const IMAGE_TOKENS = 8;

/**
 * Llama 3.2 Vision: some layers of the language model attend to the image instead of to the text before.
 * Source: `models/mllama/modeling_mllama.py`.
 */
export const mllama: Family = {
  name: "mllama",
  modelTypes: ["mllama"],
  architectures: ["MllamaForConditionalGeneration"],
  purpose: "chat about images",
  describe(raw, context) {
    const [textRaw, textContext] = sectionOf(raw, "text_config", context);
    const config = readText(textRaw, textContext);
    const { head_dim, ...rest } = config;
    const sizes = decoderSizes(rest, textContext);
    const crossing = new Set(config.cross_attention_layers);
    const place = { backbone: "model.language_model", head: "lm_head" };
    const { backbone } = causalLm(
      { ...sizes, vocab: sizes.vocab + IMAGE_TOKENS },
      {
        classes: "MllamaText",
        own: {
          layer: "MllamaSelfAttentionDecoderLayer",
          attention: "MllamaTextSelfAttention",
          rotary: "MllamaRotaryEmbedding",
        },
        variants: [
          { indices: those(sizes.layers, (index) => !crossing.has(index)) },
          {
            indices: those(sizes.layers, (index) => crossing.has(index)),
            layer: crossLayer(sizes),
          },
        ],
      },
      place,
    );
    const seen = vision(...sectionOf(raw, "vision_config", context));
    return {
      type: "multimodal",
      root: module(context.architecture, "", [
        module("MllamaModel", "model", [
          seen.tower,
          backbone,
          linear("multi_modal_projector", seen.out, sizes.width, { component: "vision_projector" }),
        ]),
        languageHead({ ...sizes, tied: false }, place),
      ]),
      dtype: statedDtype(raw) ?? statedDtype(textRaw),
      audio: undefined,
      vision: seen.images,
      context: contextUpTo(config.max_position_embeddings),
    };
  },
};

/** Its keys and values are the image's, kept for the whole generation. */
function crossLayer({ width, inner, heads, kvHeads, headDim }: DecoderSizes): Module {
  const norm = (name: string, size = width) => rmsNorm(name, size, "MllamaTextRMSNorm");
  return module(
    "MllamaCrossAttentionDecoderLayer",
    "layers",
    [
      attention("MllamaTextCrossAttention", "cross_attn", {
        width,
        heads,
        kvHeads,
        headDim,
        bias: false,
        names: [
          ["q", "q_proj"],
          ["k", "k_proj"],
          ["v", "v_proj"],
          ["o", "o_proj"],
        ],
        extra: [norm("q_norm", headDim), norm("k_norm", headDim)],
        over: "cross",
        span: { kind: "full" },
        scores: "fp32-softmax",
        cached: true,
      }),
      norm("input_layernorm"),
      gatedFeedForward("MllamaTextMLP", "mlp", width, inner),
      norm("post_attention_layernorm"),
    ],
    {
      tensors: [
        { name: "cross_attn_attn_gate", shape: [1] },
        { name: "cross_attn_mlp_gate", shape: [1] },
      ],
      op: { kind: "layer", width, blocks: [{ run: "cross_attn" }, { run: "mlp" }] },
    },
  );
}

function vision(raw: RawConfig, context: Context) {
  const config = readVision(raw, context);
  const heads = config.num_attention_heads ?? config.attention_heads;
  evenHeads(
    config.hidden_size,
    heads,
    within(context.path, "hidden_size"),
    within(context.path, "attention_heads"),
  );
  const positions = Math.floor(config.image_size / config.patch_size) ** 2 + 1;
  const images: VisionGeometry = {
    sizing: {
      kind: "cross-attended",
      side: config.image_size,
      // `models/mllama/image_processing_mllama.py`, `pad_batches_and_tiles`: images of fewer tiles are filled up.
      tiles: config.max_num_tiles,
      patches: positions,
      // `models/mllama/modeling_mllama.py`: `num_padding_patches`.
      paddedPatches: Math.ceil(positions / 8) * 8,
    },
    pixelValues: config.num_channels,
  };
  return {
    images,
    out: config.vision_output_dim,
    tower: mllamaVision("vision_model", {
      out: config.vision_output_dim,
      width: config.hidden_size,
      inner: config.intermediate_size,
      layers: config.num_hidden_layers,
      globalLayers: config.num_global_layers,
      heads,
      channels: config.num_channels,
      imageSize: config.image_size,
      patch: config.patch_size,
      tiles: config.max_num_tiles,
      ratios: config.supported_aspect_ratios?.length ?? DEFAULT_RATIOS,
    }),
  };
}
