import { section } from "../config/raw.ts";
import { flag, or, reader } from "../config/schema.ts";
import { embedding } from "../layers/embedding.ts";
import { layerNorm } from "../layers/norm.ts";
import {
  fastConformer,
  fastConformerGeometry,
  fastConformerReader,
  readFastConformer,
} from "../towers/fastconformer.ts";
import { lmHead } from "../towers/lm-head.ts";
import { nemoDecoderLayer } from "../towers/nemo-decoder.ts";
import { upTo } from "../tree/indices.ts";
import { module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { type Family, sectionOf } from "./family.ts";

/** CanaryConfig and CanaryDecoderConfig (transformers 5.18). */
const read = reader(() => ({ tie_word_embeddings: or(flag(), true) }));
const readDecoder = reader(() => ({
  ...decoderFields({
    vocab: 16384,
    width: 1024,
    inner: 4096,
    layers: 8,
    heads: 8,
    kvHeads: 8,
    headDim: 128,
    maxPositions: 1024,
    tied: false,
  }),
  attention_bias: or(flag(), true),
}));
/** What CanaryConfig takes where the whole encoder section is missing. */
const readAbsent = fastConformerReader({ layers: 32, bins: 128 });

/**
 * NVIDIA Canary: a FastConformer and a transformer decoder with sinusoidal positions that attends to it.
 * Source: transformers 5.18, `models/canary/modeling_canary.py`.
 */
export const canary: Family = {
  name: "canary",
  modelTypes: ["canary"],
  architectures: ["CanaryForConditionalGeneration"],
  purpose: "speech recognition and translation",
  describe(raw, context) {
    const { tie_word_embeddings: tied } = read(raw, context);
    const readEncoder = section(raw, "encoder_config", context.path)
      ? readFastConformer
      : readAbsent;
    const encoder = readEncoder(...sectionOf(raw, "encoder_config", context));
    const [decoderRaw, decoderContext] = sectionOf(raw, "decoder_config", context);
    const config = readDecoder(decoderRaw, decoderContext);
    const sizes = decoderSizes(config, decoderContext);
    const { width, vocab } = sizes;
    const positions = config.max_position_embeddings;
    const root = module("CanaryForConditionalGeneration", "", [
      module("CanaryModel", "model", [
        fastConformer("encoder", encoder),
        module(
          "CanaryDecoder",
          "decoder",
          [
            embedding("embed_tokens", vocab, width, { component: "embeddings", divided: true }),
            stack(upTo(sizes.layers), nemoDecoderLayer("Canary", sizes, config.attention_bias)),
            layerNorm("norm", width),
            module("CanaryPositionalEmbedding", "pos_emb", [], {
              buffers: [
                {
                  name: "positional_embedding",
                  shape: [positions, width],
                  dtype: "model",
                  persistent: false,
                },
              ],
            }),
            layerNorm("embedding_layernorm", width),
          ],
          { component: "decoder", op: { kind: "tower", side: "decoder", width } },
        ),
      ]),
      lmHead({
        name: "proj_out",
        width,
        vocab,
        bias: true,
        tiedTo: tied && "model.decoder.embed_tokens.weight",
        positions: "all",
      }),
    ]);
    return {
      type: "encoder-decoder",
      root,
      audio: fastConformerGeometry(encoder),
      context: { max: positions, hard: true, preset: positions, prompt: undefined },
    };
  },
};
