import { SAMPLE_RATE } from "../audio/whisper-geometry.ts";
import { decimal, flag, or, reader } from "../config/schema.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import {
  fastConformer,
  fastConformerGeometry,
  fastConformerReader,
} from "../towers/fastconformer.ts";
import { lmHead } from "../towers/lm-head.ts";
import { nemoDecoderLayer } from "../towers/nemo-decoder.ts";
import { upTo } from "../tree/indices.ts";
import { module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { type Family, sectionOf } from "./family.ts";

/** CohereAsrConfig (transformers 5.18). `max_audio_clip_s` is the feature extractor's, and stands in published configs. */
const read = reader(() => ({
  ...decoderFields({
    vocab: 16384,
    width: 1024,
    inner: 4096,
    layers: 8,
    heads: 8,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 1024,
    tied: false,
  }),
  attention_bias: or(flag(), true),
  max_audio_clip_s: or(decimal(), 35),
}));

/** With what CohereAsrConfig presets under an encoder section that leaves fields out (`_default_encoder_config_kwargs`). */
const readEncoder = fastConformerReader({ width: 1280, layers: 48, inner: 5120, bins: 128 });

/**
 * Cohere Transcribe: a FastConformer and a transformer decoder with learned positions that attends to it.
 * Source: transformers 5.18, `models/cohere_asr/modeling_cohere_asr.py`.
 */
export const cohereAsr: Family = {
  name: "cohere_asr",
  modelTypes: ["cohere_asr"],
  architectures: ["CohereAsrForConditionalGeneration"],
  purpose: "speech recognition",
  describe(raw, context) {
    const config = read(raw, context);
    const encoder = readEncoder(...sectionOf(raw, "encoder_config", context));
    const sizes = decoderSizes(config, context);
    const { width, vocab } = sizes;
    const maxPositions = config.max_position_embeddings;
    const root = module("CohereAsrForConditionalGeneration", "", [
      module("CohereAsrModel", "model", [
        fastConformer("encoder", encoder),
        module(
          "CohereAsrDecoder",
          "decoder",
          [
            embedding("embed_tokens", vocab, width, { component: "embeddings", divided: true }),
            stack(upTo(sizes.layers), nemoDecoderLayer("CohereAsr", sizes, config.attention_bias)),
            layerNorm("norm", width),
            embedding("pos_emb", maxPositions, width),
            layerNorm("embedding_layernorm", width),
            linear("proj", encoder.hidden_size, width),
          ],
          {
            component: "decoder",
            op: { kind: "tower", side: "decoder", width, memoryWidth: width },
          },
        ),
      ]),
      lmHead({
        name: "proj_out",
        width,
        vocab,
        bias: true,
        tiedTo: sizes.tied && "model.decoder.embed_tokens.weight",
        positions: "all",
      }),
    ]);
    return {
      type: "encoder-decoder",
      root,
      audio: {
        ...fastConformerGeometry(encoder),
        // Longer recordings are split at quiet points before this length; the pieces are one batch.
        window: {
          samples: Math.round(config.max_audio_clip_s * SAMPLE_RATE),
          padded: false,
          tokensFromPadding: false,
          longer: "batched",
        },
      },
      context: { max: maxPositions, hard: true, preset: maxPositions, prompt: undefined },
    };
  },
};
