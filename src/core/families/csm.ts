import { count, dimension, flag, or, reader } from "../config/schema.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { contextUpTo } from "../model.ts";
import { causalLm, type DecoderSizes } from "../towers/causal-lm.ts";
import type { LayerVariant } from "../towers/layer-variants.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module } from "../tree/module.ts";
import { codecModule } from "./codec.ts";
import { embeddedCodec } from "./codecs.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { type Family, sectionOf } from "./family.ts";

/** What CsmConfig and CsmDepthDecoderConfig (transformers 5.18) have in common. */
const fields = (sizes: {
  width: number;
  layers: number;
  heads: number;
  kvHeads: number;
  maxPositions: number;
}) => ({
  ...decoderFields({ vocab: 2051, inner: 8192, headDim: "width/heads", tied: false, ...sizes }),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
  num_codebooks: or(count(), 32),
});
const read = reader(() => ({
  ...fields({ width: 2048, layers: 16, heads: 32, kvHeads: 8, maxPositions: 2048 }),
  text_vocab_size: or(dimension(), 128256),
  tie_codebooks_embeddings: or(flag(), true),
}));
const readDepth = reader(() => ({
  ...fields({ width: 1024, layers: 4, heads: 8, kvHeads: 2, maxPositions: 33 }),
  backbone_hidden_size: or(dimension(), 2048),
}));

interface Biases {
  readonly attention_bias: boolean;
  readonly mlp_bias: boolean;
}

/** A Llama whose token table is another module. */
function decoder(
  className: string,
  name: string,
  sizes: DecoderSizes,
  biases: Biases,
  tokens: Module,
  variants?: readonly LayerVariant[],
): Module {
  const bias = biases.attention_bias;
  const { backbone } = causalLm(sizes, {
    classes: "Csm",
    bias: { qkv: bias, o: bias, feedForward: biases.mlp_bias },
    ...(variants && { variants }),
  });
  const [, ...rest] = backbone.children;
  return { ...backbone, class: className, name, children: [tokens, ...rest] };
}

const BACKBONE_TOKENS = "backbone_model.embed_tokens.embed_audio_tokens.weight";

/**
 * Sesame's conversational speech model: a Llama that reads text and audio frames and predicts each frame's first code, a
 * small one that predicts the frame's other codes one by one, and Mimi. Source: `models/csm/modeling_csm.py`.
 */
export const csm: Family = {
  name: "csm",
  modelTypes: ["csm"],
  architectures: ["CsmForConditionalGeneration"],
  purpose: "conversational speech synthesis",
  describe(raw, context) {
    const config = read(raw, context);
    const [depthRaw, depthContext] = sectionOf(raw, "depth_decoder_config", context);
    const [codecRaw, codecContext] = sectionOf(raw, "codec_config", context);
    const depth = readDepth(depthRaw, depthContext);
    const codec = embeddedCodec(codecRaw, codecContext, { streaming: false }, "mimi");
    const width = config.hidden_size;
    const vocab = config.vocab_size;
    const tokens = module(
      "CsmBackboneModelEmbeddings",
      "embed_tokens",
      [embedding("embed_audio_tokens", config.num_codebooks * vocab, width, { divided: true })],
      {
        component: "embeddings",
        buffers: [
          {
            name: "audio_tokens_offsets",
            shape: [config.num_codebooks],
            dtype: "int64",
            persistent: false,
          },
        ],
      },
    );
    const depthTable = embedding(
      "embed_tokens",
      depth.num_codebooks * depth.vocab_size,
      depth.backbone_hidden_size,
      { component: "embeddings", divided: true },
    );
    // transformers 5.18 ties by `tie_word_embeddings`, which this config class refuses; what is published is tied.
    const depthTokens: Module = config.tie_codebooks_embeddings
      ? {
          ...depthTable,
          tensors: depthTable.tensors.map((tensor) => ({ ...tensor, tiedTo: BACKBONE_TOKENS })),
        }
      : depthTable;
    // It never runs over the prompt: no tower of its own.
    const { op: _tower, ...depthModel } = decoder(
      "CsmDepthDecoderModel",
      "model",
      decoderSizes(depth, depthContext),
      depth,
      depthTokens,
      // It starts anew with every frame: the backbone's state, then all codes but the last.
      [
        {
          indices: upTo(depth.num_hidden_layers),
          span: { kind: "window", size: depth.num_codebooks, causal: true },
        },
      ],
    );
    const root = module(context.architecture, "", [
      {
        ...linear("lm_head", width, vocab, {
          bias: false,
          component: "lm_head",
          divide: { by: "columns" },
        }),
        op: { kind: "head", vocab, positions: "last" },
      },
      embedding("embed_text_tokens", config.text_vocab_size, width, {
        component: "embeddings",
        divided: true,
      }),
      {
        ...decoder(
          "CsmBackboneModel",
          "backbone_model",
          decoderSizes(config, context),
          config,
          tokens,
        ),
        component: "text_model",
      },
      module(
        "CsmDepthDecoderForCausalLM",
        "depth_decoder",
        [
          {
            ...depthModel,
            component: "depth_decoder",
            children: [
              ...depthModel.children,
              linear("inputs_embeds_projector", depth.backbone_hidden_size, depth.hidden_size, {
                bias: false,
              }),
            ],
          },
          module("CsmCodebooksHead", "codebooks_head", [], {
            component: "lm_head",
            tensors: [
              {
                name: "weight",
                shape: [depth.num_codebooks - 1, depth.hidden_size, depth.vocab_size],
              },
            ],
          }),
        ],
        { component: "depth_decoder" },
      ),
      codecModule("codec_model", codec),
    ]);
    return {
      type: "text-to-speech",
      root,
      // Earlier turns are given as audio: each becomes one token per code frame.
      audio: { ...codec.geometry, pooling: codec.thinning ?? [] },
      context: contextUpTo(config.max_position_embeddings),
    };
  },
};
