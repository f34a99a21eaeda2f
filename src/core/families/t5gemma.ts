import { flag, or, reader } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { contextUpTo } from "../model.ts";
import { PROJECTIONS, tokenTable } from "../towers/causal-lm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";
import { decoderFields, decoderSizes, slidingBy, slidingFields } from "./decoder-config.ts";
import { type Context, type Family, sectionOf } from "./family.ts";
import { checkLayerTypes } from "./layer-types.ts";

/** T5GemmaModuleConfig (transformers 5.18): Gemma 2's, for either half. */
const readHalf = reader(() => ({
  ...decoderFields({
    vocab: 256000,
    width: 2304,
    inner: 9216,
    layers: 26,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    maxPositions: 8192,
    tied: true,
  }),
  attention_bias: or(flag(), false),
  ...slidingFields(4096),
}));
type Half = ReturnType<typeof readHalf>;
const read = reader(() => ({ tie_word_embeddings: or(flag(), true) }));

const ALL: Span = { kind: "full" };

/** @param source width of the encoder that a decoder attends to; undefined: this is the encoder. */
function half(config: Half, context: Context, source: number | undefined): Module {
  const sizes = decoderSizes(config, context);
  const { width, heads, kvHeads, headDim } = sizes;
  const { attention_bias: bias, layer_types: types } = config;
  const decodes = source !== undefined;
  const attend = (name: string, over: "self" | "cross", span: Span) =>
    attention(`T5Gemma${over === "self" ? "Self" : "Cross"}Attention`, `${name}_attn`, {
      width,
      heads,
      kvHeads,
      headDim,
      names: PROJECTIONS,
      bias,
      over,
      span,
      ...(over === "cross" && source !== undefined && { sourceWidth: source }),
      scores: "fp32-softmax",
      cached: decodes,
    });
  const norms = (part: string) =>
    ["pre", "post"].map((when) => rmsNorm(`${when}_${part}_layernorm`, width, "T5GemmaRMSNorm"));
  const side = decodes ? "decoder" : "encoder";
  const layer = (span: Span) =>
    module(
      `T5Gemma${decodes ? "Decoder" : "Encoder"}Layer`,
      "layers",
      [
        attend("self", "self", span),
        ...norms("self_attn"),
        gatedFeedForward("T5GemmaMLP", "mlp", width, sizes.inner),
        ...norms("feedforward"),
        ...(decodes ? [attend("cross", "cross", ALL), ...norms("cross_attn")] : []),
      ],
      {
        op: {
          kind: "layer",
          width,
          blocks: ["self_attn", ...(decodes ? ["cross_attn"] : []), "mlp"].map((run) => ({ run })),
        },
      },
    );
  const slides = slidingBy(types, (index) => index % 2 === 0);
  const everything: Span = decodes ? { kind: "causal" } : ALL;
  const tower = module(
    decodes ? "T5GemmaDecoder" : "T5GemmaEncoder",
    side,
    [
      tokenTable("embed_tokens", sizes.vocab, width),
      rmsNorm("norm", width, "T5GemmaRMSNorm"),
      ...slidingVariants(sizes.layers, config.sliding_window, slides).map(({ indices, span }) =>
        stack(indices, layer(span?.kind === "window" ? { ...span, causal: decodes } : everything)),
      ),
      rotary("rotary_emb", "T5GemmaRotaryEmbedding", headDim),
    ],
    { component: side, op: { kind: "tower", side, width, rotary: headDim } },
  );
  return tower;
}

/** T5Gemma (Zhang et al. 2025): Gemma 2 as encoder and decoder. Source: `models/t5gemma/modeling_t5gemma.py`. */
export const t5gemma: Family = {
  name: "t5gemma",
  modelTypes: ["t5gemma"],
  architectures: ["T5GemmaForConditionalGeneration", "T5GemmaModel", "T5GemmaEncoderModel"],
  purpose: "text to text",
  describe(raw, context) {
    const { tie_word_embeddings: tied } = read(raw, context);
    const [encoderRaw, encoderContext] = sectionOf(raw, "encoder", context);
    const [decoderRaw, decoderContext] = sectionOf(raw, "decoder", context);
    const reads = readHalf(encoderRaw, encoderContext);
    const writes = readHalf(decoderRaw, decoderContext);
    const encoder = half(reads, encoderContext, undefined);
    checkLayerTypes(encoderRaw, encoderContext, encoder);
    // Rotary positions end nowhere.
    const encoderText = { max: undefined };
    if (context.architecture === "T5GemmaEncoderModel") {
      return {
        type: "encoder-only",
        root: module(context.architecture, "", [encoder]),
        audio: undefined,
        encoderText,
        context: { max: undefined, hard: false, preset: 0, prompt: undefined },
      };
    }
    const decoder = half(writes, decoderContext, reads.hidden_size);
    checkLayerTypes(decoderRaw, decoderContext, decoder);
    const bare = context.architecture === "T5GemmaModel";
    const vocab = writes.vocab_size;
    const head: Module = {
      ...linear("lm_head.out_proj", writes.hidden_size, vocab, {
        bias: false,
        component: tied ? "embeddings" : "lm_head",
        divide: { by: "columns" },
        ...(tied && { tiedTo: "model.decoder.embed_tokens.weight" }),
      }),
      op: { kind: "head", vocab, positions: "last" },
    };
    return {
      type: "encoder-decoder",
      root: bare
        ? module("T5GemmaModel", "", [encoder, decoder])
        : module(context.architecture, "", [
            module("T5GemmaModel", "model", [encoder, decoder]),
            head,
          ]),
      audio: undefined,
      encoderText,
      // The prompt goes to the encoder; the decoder starts from one token.
      context: { ...contextUpTo(writes.max_position_embeddings), prompt: 1 },
    };
  },
};
