import { section } from "../config/raw.ts";
import { dimension, maybe, or, reader } from "../config/schema.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { contextUpTo } from "../model.ts";
import { type MoshiLayerSizes, moshiLayer, perCodebook } from "../towers/moshi.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { codecModule } from "./codec.ts";
import { embeddedCodec } from "./codecs.ts";
import { type Family, sectionOf } from "./family.ts";
import { moshiFields, moshiSizes } from "./moshi-config.ts";

/** MoshiConfig and MoshiDepthConfig (transformers 5.18). */
const read = reader(() => ({
  ...moshiFields({
    vocab: 32000,
    width: 4096,
    layers: 32,
    heads: 32,
    inner: 22528,
    window: 3000,
    codebooks: 8,
  }),
  audio_vocab_size: maybe(dimension()),
}));
const readDepth = reader(() => ({
  ...moshiFields({
    vocab: 32000,
    width: 1024,
    layers: 6,
    heads: 16,
    inner: 5632,
    window: 8,
    codebooks: 8,
  }),
  audio_vocab_size: or(dimension(), 2048),
  input_size: or(dimension(), 4096),
}));

const tokens = (name: string, rows: number, width: number): Module =>
  embedding(name, rows, width, { component: "embeddings", divided: true });

interface Depth {
  readonly sizes: MoshiLayerSizes;
  readonly layers: number;
  readonly vocab: number;
  readonly audioVocab: number;
  readonly input: number;
  readonly codebooks: number;
}

/** Predicts a frame's codes one after the other from the text token and the main decoder's state. */
function depthDecoder({ sizes, layers, vocab, audioVocab, input, codebooks }: Depth): Module {
  const { width } = sizes;
  const flexible = (name: string, from: number, to: number) =>
    perCodebook("Moshi", linear(name, from, to, { bias: false }), codebooks);
  return module(
    "MoshiDepthDecoder",
    "depth_decoder",
    [
      tokens("text_embed_tokens", vocab + 1, width),
      stack(upTo(codebooks - 1), tokens("embed_tokens", audioVocab + 1, width)),
      flexible("input_projections", input, width),
      stack(upTo(layers), moshiLayer({ ...sizes, codebooks })),
      { ...flexible("lm_heads", width, audioVocab), component: "lm_head" },
    ],
    { component: "depth_decoder" },
  );
}

/**
 * Moshi: full-duplex speech. A language model over text and the codes of both speakers, a small decoder for each frame's
 * codes, and Mimi. Source: `models/moshi/modeling_moshi.py`.
 */
export const moshi: Family = {
  name: "moshi",
  modelTypes: ["moshi"],
  architectures: ["MoshiForConditionalGeneration", "MoshiForCausalLM"],
  purpose: "spoken dialogue",
  describe(raw, context) {
    const config = read(raw, context);
    const sizes = moshiSizes("Moshi", config, context);
    const { width } = sizes;
    const { vocab_size: vocab, num_codebooks: codebooks } = config;
    const language = [
      module(
        "MoshiModel",
        "model",
        [
          tokens("embed_tokens", vocab + 1, width),
          stack(upTo(config.num_hidden_layers), moshiLayer(sizes)),
          rmsNorm("norm", width, "MoshiRMSNorm"),
        ],
        { component: "text_model", op: { kind: "tower", side: "decoder", width } },
      ),
      {
        ...linear("lm_head", width, vocab, {
          bias: false,
          component: "lm_head",
          divide: { by: "columns" },
        }),
        op: { kind: "head", vocab, positions: "last" } as const,
      },
    ];
    const limits = contextUpTo(undefined);
    if (context.architecture === "MoshiForCausalLM") {
      return {
        type: "decoder-only",
        root: module("MoshiForCausalLM", "", language),
        audio: undefined,
        context: limits,
      };
    }
    const [codecRaw, codecContext] = sectionOf(raw, "audio_encoder_config", context);
    const codec = embeddedCodec(codecRaw, codecContext, { streaming: false }, "mimi");
    const audioVocab = config.audio_vocab_size ?? codec.codebookSize;
    const [depthRaw, depthContext] = sectionOf(raw, "depth_decoder_config", context);
    const depth = readDepth(depthRaw, depthContext);
    // A stated section takes these from the main decoder; an absent one is the default class as it is.
    const own = section(raw, "depth_decoder_config", context.path) !== undefined;
    const root = module("MoshiForConditionalGeneration", "", [
      stack(upTo(2 * codebooks), tokens("embed_tokens", audioVocab + 1, width)),
      codecModule("audio_encoder", codec),
      module("MoshiForCausalLM", "decoder", language),
      depthDecoder({
        sizes: moshiSizes("Moshi", depth, depthContext),
        layers: depth.num_hidden_layers,
        vocab: own ? vocab : depth.vocab_size,
        audioVocab: own ? audioVocab : depth.audio_vocab_size,
        input: own ? width : depth.input_size,
        codebooks: own ? codebooks : depth.num_codebooks,
      }),
    ]);
    return {
      type: "audio-llm",
      root,
      audio: { ...codec.geometry, pooling: codec.thinning ?? [] },
      context: limits,
    };
  },
};
